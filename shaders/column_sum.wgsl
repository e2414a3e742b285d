// column_sum: partial sums over rows, for bias gradients; with `product` of inp * factor, for the gradient of a scale.
// shapes:  inp, factor (rows, C); partials (blocks, C) f32
// numerics: f32 sums in the order of the rows
// dispatch: x over C / 4 / 64, y over blocks of rows; reduce_partials finishes
// source:  matmul_backward_bias of llm.c (algorithm); reference/matmul.ts (oracle)

struct Params {
  rows: u32,
  c4: u32,
  rowsPerBlock: u32,
}

@group(0) @binding(1) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn column_sum(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = group.x * 64u + local;
  if (column >= p.c4) {
    return;
  }
  var sum = vec4f();
  let first = group.y * p.rowsPerBlock;
  let end = min(first + p.rowsPerBlock, p.rows);
  for (var row = first; row < end; row++) {
    @if(!product) sum += inp::load(row * p.c4 + column);
    @if(product) sum = fma(inp::load(row * p.c4 + column), factor::load(row * p.c4 + column), sum);
  }
  partials[group.y * p.c4 + column] = sum;
}
