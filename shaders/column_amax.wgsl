// column_amax: the largest magnitude of each column within blocks of rows.
// shapes:  inp (rows, C); partials (blocks, C) f32 bits
// numerics: the larger of two magnitudes by their bits, so that infinity is above all numbers and NaN above infinity
// dispatch: x over C / 4 / LANES, y over blocks of rows; kernels with lib/column_partials finish
// source:  axiswise scaling of torchao; reference/tensorScale.ts (oracle)
import package::lib::round::magnitudeBits;
import constants::LANES;

struct Params {
  rows: u32,
  c4: u32,
  rowsPerBlock: u32,
}

@group(0) @binding(1) var<storage, read_write> partials: array<vec4u>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn column_amax(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = group.x * LANES + local;
  if (column >= p.c4) {
    return;
  }
  let first = group.y * p.rowsPerBlock;
  let end = min(first + p.rowsPerBlock, p.rows);
  var largest = vec4u();
  for (var row = first; row < end; row++) {
    largest = max(largest, magnitudeBits(inp::load(row * p.c4 + column)));
  }
  partials[group.y * p.c4 + column] = largest;
}
