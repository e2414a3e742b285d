// quantize_level_columns: rounds a matrix to the levels of weights, with a range for each column, and stores f32.
// shapes:  inp, out (rows, 4 c4); levels as in stage_decide or noise_decide
// numerics: see lib/levels
// dispatch: one lane per four columns, which reads them twice
// source:  modules/quantize.py of FracTrain (arXiv 2012.13113, algorithm), whose rows are these columns; reference/levels.ts (oracle)
import constants::LANES;
import package::lib::levels::roundToLevels;
@if(measured) import package::lib::level_noise::{addNoise, errorsOf};

struct Params {
  rows: u32,
  c4: u32,
  level: u32,  // word of the table of levels
  @if(measured) below: u32, // word of the level below
  @if(measured) place: u32, // of the noise of the first workgroup
}

@group(0) @binding(3) var<storage, read> levels: array<u32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn quantize_level_columns(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  @if(measured) var errors = vec3f();
  if (id.x < p.c4) {
    var low = inp::load(id.x);
    var high = low;
    for (var row = 1u; row < p.rows; row++) {
      let value = inp::load(row * p.c4 + id.x);
      low = min(low, value);
      high = max(high, value);
    }
    let level = levels[p.level];
    for (var row = 0u; row < p.rows; row++) {
      let i = row * p.c4 + id.x;
      let value = inp::load(i);
      let rounded = roundToLevels(value, low, high, level, vec4f());
      out::store(i, rounded);
      @if(measured) {
        errors += errorsOf(value, rounded, roundToLevels(value, low, high, levels[p.below], vec4f()));
      }
    }
  }
  @if(measured) addNoise(p.place + group.x, local, errors);
}
