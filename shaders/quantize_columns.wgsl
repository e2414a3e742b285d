// quantize_columns: a tensor in a narrow format, each column multiplied by a scale of its own.
// shapes:  inp, out (rows, C), the scales behind the elements of out; partials (blocks, C) f32 bits of largest magnitudes
// numerics: a column's scale is the largest of its kind that keeps its largest magnitude in the format, 1 where that is zero, infinity or NaN; the product is rounded once, saturating
// dispatch: x over C / 4 / LANES, y over blocks of rows, of which the first stores the scales
// source:  axiswise scaling of torchao; reference/tensorScale.ts (oracle)
import package::lib::column_partials::largestOfColumns;
import package::lib::scale_kinds::inverseFor;
import package::lib::tensor_scale::{isUsable, powerOfTwo, scaleExponent};
import constants::LANES;

struct Params {
  rows: u32,
  c4: u32,
  rowsPerBlock: u32,
  blocks: u32,
  largest: u32,  // f32 bits of the largest value of the format of out
}

@group(1) @binding(0) var<uniform> p: Params;

fn inverseOf(amax: u32) -> f32 {
  if (out::IS_POWER) {
    return powerOfTwo(-select(0, scaleExponent(amax, p.largest, 0u), isUsable(amax)));
  }
  return inverseFor(amax, p.largest);
}

@compute @workgroup_size(LANES)
fn quantize_columns(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = group.x * LANES + local;
  if (column >= p.c4) {
    return;
  }
  let largest = largestOfColumns(column, p.c4, p.blocks);
  let inverses = vec4f(inverseOf(largest.x), inverseOf(largest.y), inverseOf(largest.z), inverseOf(largest.w));
  let scales = out::scaleOf(inverses);
  let first = group.y * p.rowsPerBlock;
  let end = min(first + p.rowsPerBlock, p.rows);
  for (var row = first; row < end; row++) {
    let at = row * p.c4 + column;
    out::storeCodes(at, out::encode(inp::load(at) * scales));
  }
  if (group.y == 0u) {
    out::storeInverses(column, inverses);
  }
}
