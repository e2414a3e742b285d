// attention_dots: D = sum(out * dout) of each row, what the gradient of a row's softmax subtracts.
// shapes:  out, dout (B, T, H, D); dots (B * H, T) f32; D = 4 * HEAD4
// numerics: f32
// dispatch: linear, one lane a row, before the other backward kernels
// source:  FlashAttention backward (Dao et al. 2022); reference/attention.ts (oracle)
import package::lib::grid::linearGroup;
import constants::{HEAD4, LANES};

struct RowShape {
  context: u32,
  heads: u32,
  rows: u32,
}

@group(0) @binding(4) var<storage, read_write> dots: array<f32>;
@group(1) @binding(0) var<uniform> shape: RowShape;

@compute @workgroup_size(LANES)
fn attention_dots(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = linearGroup(group) * LANES + local;
  if (row >= shape.rows) {
    return;
  }
  var products = vec4f();
  for (var c = 0u; c < HEAD4; c++) {
    products = fma(out::load(row * HEAD4 + c), dout::load(row * HEAD4 + c), products);
  }
  let token = row / shape.heads;
  let head = token / shape.context * shape.heads + row % shape.heads;
  dots[head * shape.context + token % shape.context] = dot(products, vec4f(1.0));
}
