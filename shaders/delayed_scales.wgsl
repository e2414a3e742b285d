// delayed_scales: computes the scales of the next step from the largest magnitudes of earlier steps.
// shapes:  amax, scales (records); history (records, p.length), whose element 0 is reserved for the next step
// numerics: integers on f32 bits; if the magnitude that counts is zero, infinite or NaN, the scale does not change
// dispatch: one lane per record; nothing changes on a skipped step
// source:  DelayedScaling of TransformerEngine (amax_history roll, amax_compute_algo max and most_recent); reference/tensorScale.ts (oracle)
import package::lib::step_state::StepState;
import package::lib::tensor_scale::{isUsable, powerOfTwo, scaleExponent, TensorScale};

struct Params {
  records: u32,
  length: u32,
  margin: u32,
  mostRecent: u32,  // 1 if only the newest magnitude counts
}

@group(0) @binding(0) var<storage, read> amax: array<u32>;
@group(0) @binding(1) var<storage, read_write> history: array<u32>;
@group(0) @binding(2) var<storage, read_write> scales: array<TensorScale>;
@group(0) @binding(3) var<storage, read> state: StepState;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn delayed_scales(@builtin(global_invocation_id) id: vec3u) {
  let record = id.x;
  if (record >= p.records || state.apply == 0u) {
    return;
  }
  let first = record * p.length;
  let newest = amax[record];
  var largest = newest;
  for (var i = 1u; i < p.length; i++) {
    let older = history[first + i];
    largest = max(largest, older);
    history[first + i - 1u] = older;
  }
  history[first + p.length - 1u] = newest;
  history[first] = 0u;
  let counts = select(largest, newest, p.mostRecent == 1u);
  if (isUsable(counts)) {
    let exponent = scaleExponent(counts, scales[record].largest, p.margin);
    scales[record].scale = powerOfTwo(exponent);
    scales[record].inverse = powerOfTwo(-exponent);
  }
}
