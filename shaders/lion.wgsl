// lion: one Lion update of a chunk of parameters; it changes nothing on a skipped step.
// shapes:  gradient, momentum and those of lib/master (vectors) of four elements; the first `decayed` vectors have weight decay
// numerics: f32 between load and store, the update uses the momentum before it is rounded; gradients are unscaled and clipped by one factor; the sign of 0 is 0
// dispatch: one lane per vector, linear grid
// source:  Chen et al. 2023 (arXiv 2302.06675), algorithm 2; reference/lion.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::master::updateMaster;
@if(stochasticMomentum) import package::lib::random::{randomBits, randomVector, MOMENT_STREAM};
import package::lib::step_state::StepState;

struct Params {
  vectors: u32,
  decayed: u32,
  beta1: f32,
  oneMinusBeta1: f32,
  beta2: f32,
  oneMinusBeta2: f32,
  weightDecay: f32,
  rateFactor: f32,
  seed: u32,           // of the chunk, for stochastic rounding
  first: u32,          // vector of the chunk at which this dispatch begins
}

@group(0) @binding(5) var<storage, read> state: StepState;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn lion(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors || state.apply == 0u) {
    return;
  }
  let vector = p.first + i;
  let g = gradient::load(i) * state.gradFactor;
  let m = momentum::load(i);
  let direction = sign(p.beta1 * m + p.oneMinusBeta1 * g);
  let next = p.beta2 * m + p.oneMinusBeta2 * g;
  @if(stochasticMomentum) {
    let random = randomVector(vector, randomBits(state.applied, p.seed) ^ MOMENT_STREAM);
    momentum::storeCodes(i, momentum::encodeStochastic(next, random));
  }
  @if(!stochasticMomentum) {
    momentum::store(i, next);
  }
  let rate = state.learningRate * p.rateFactor;
  let decay = select(0.0, p.weightDecay, i < p.decayed) * rate;
  updateMaster(i, vector, decay, rate * direction, state.applied, p.seed);
}
