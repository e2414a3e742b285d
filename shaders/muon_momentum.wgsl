// muon_momentum: updates Muon's momentum of one matrix and computes the Nesterov update, with partial sums of its squares; it changes nothing on a skipped step.
// shapes:  gradient, momentum (rows, stride4) vectors of four elements, of which the matrix is `columns4` in each row from `column4` on; update (rows, columns4); partials (groups)
// numerics: f32 between load and store, the update uses the momentum before it is rounded; gradients are unscaled and clipped by one factor; sums in a fixed order
// dispatch: `groups` workgroups, which take turns at blocks of 64 vectors; muon_normalize finishes
// source:  Muon (Jordan et al. 2024); reference/muon.ts (oracle)
@if(stochasticMomentum) import package::lib::random::{randomBits, randomVector, MOMENT_STREAM};
import package::lib::reduce::workgroupSum;
import package::lib::step_state::StepState;
import constants::LANES;

struct Params {
  vectors: u32,        // rows * columns4
  columns4: u32,
  stride4: u32,
  column4: u32,
  groups: u32,
  mu: f32,
  oneMinusMu: f32,
  seed: u32,           // of the chunk, for stochastic rounding
  first: u32,          // vector of the chunk at which the parameter begins
}

@group(0) @binding(5) var<storage, read> state: StepState;
@group(0) @binding(8) var<storage, read_write> partials: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn muon_momentum(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  if (state.apply == 0u) {
    return;
  }
  var squares = vec4f();
  for (var i = group.x * LANES + local; i < p.vectors; i += p.groups * LANES) {
    let at = i / p.columns4 * p.stride4 + p.column4 + i % p.columns4;
    let g = gradient::load(at) * state.gradFactor;
    let next = p.mu * momentum::load(at) + p.oneMinusMu * g;
    @if(stochasticMomentum) {
      let random = randomVector(p.first + at, randomBits(state.applied, p.seed) ^ MOMENT_STREAM);
      momentum::storeCodes(at, momentum::encodeStochastic(next, random));
    }
    @if(!stochasticMomentum) {
      momentum::store(at, next);
    }
    let nesterov = p.oneMinusMu * g + p.mu * next;
    update::store(i, nesterov);
    squares = fma(nesterov, nesterov, squares);
  }
  let sum = workgroupSum(dot(squares, vec4f(1.0)), local);
  if (local == 0u) {
    partials[group.x] = sum;
  }
}
