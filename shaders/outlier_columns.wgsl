// outlier_columns: splits a matrix by columns: those with a magnitude from the threshold on, and the rest. Each is zero where the other is not.
// shapes:  inp, regular, outliers (rows, C); partials (blocks, C) f32 bits of largest magnitudes, by column_amax
// numerics: magnitudes are compared by their bits, so that a column with infinity or NaN is an outlier; values are copied
// dispatch: x over C / 4 / LANES, y over blocks of rows
// source:  mixed-precision decomposition of LLM.int8() (arXiv 2208.07339)
import package::lib::column_partials::largestOfColumns;
import constants::LANES;

struct Params {
  rows: u32,
  c4: u32,
  rowsPerBlock: u32,
  blocks: u32,
  threshold: f32,
}

@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn outlier_columns(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = group.x * LANES + local;
  if (column >= p.c4) {
    return;
  }
  let largest = largestOfColumns(column, p.c4, p.blocks);
  let isOutlier = largest >= vec4u(bitcast<u32>(p.threshold));
  let first = group.y * p.rowsPerBlock;
  let end = min(first + p.rowsPerBlock, p.rows);
  for (var row = first; row < end; row++) {
    let at = row * p.c4 + column;
    let value = inp::load(at);
    regular::store(at, select(value, vec4f(), isOutlier));
    outliers::store(at, select(vec4f(), value, isOutlier));
  }
}
