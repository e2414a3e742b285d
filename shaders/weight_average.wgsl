// weight_average: moves the average of a chunk's weights towards the weights of an applied step; it changes nothing on a skipped step.
// shapes:  average, master, low (vectors) of four elements
// numerics: average + (1 - decay) (weight - average) in f32; a split weight is joined first
// dispatch: one lane per vector, linear grid
// source:  exponential moving average of weights (Polyak and Juditsky 1992), as PyTorch's swa_utils.get_ema_avg_fn; reference/average.ts (oracle)
import package::lib::grid::linearGroup;
@if(splitMaster) import package::lib::round::unpackHalves;
@if(splitMaster) import package::lib::split::{Halves, joinHalves};
import package::lib::step_state::StepState;

struct Params {
  vectors: u32,
  oneMinusDecay: f32,
}

@if(splitMaster) @group(0) @binding(4) var<storage, read> low: array<vec2u>;
@group(0) @binding(5) var<storage, read> state: StepState;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn weight_average(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors || state.apply == 0u) {
    return;
  }
  @if(splitMaster) let weight = joinHalves(Halves(unpackHalves(master::codes(i)), unpackHalves(low[i])));
  @if(!splitMaster) let weight = master::load(i);
  let old = average::load(i);
  average::store(i, old + p.oneMinusDecay * (weight - old));
}
