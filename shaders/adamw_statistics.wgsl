// adamw_statistics: the statistics of a whole parameter that AdamW needs before it updates it, as partial results.
// shapes:  gradient, moments (vectors) of four elements of one part; partials (groups) as (sum of squared updates, largest |m|, largest v, 0)
// numerics: f32, fixed order; the update is g / max(sqrt(v), epsilon) with bias-corrected v; maxima ignore non-finite values
// dispatch: `groups` workgroups, which take turns at blocks of 64 vectors; adamw_prepare finishes
// source:  StableAdamW (arXiv 2304.13013), FP8-LM (arXiv 2310.18313); reference/adamw.ts (oracle)
import package::lib::moments::{loadMoments, nextMoments};
import package::lib::parameter_state::ParameterState;
import package::lib::round::{magnitudeBits, INFINITY_BITS};
@if(compoundScaling) import package::lib::scaled_units::scaledEpsilon;
import package::lib::statistics::{workgroupStatistics, STATISTICS_WIDTH};
import package::lib::step_state::StepState;

struct Params {
  vectors: u32,
  first: u32,       // vector of the chunk at which this part begins
  parameter: u32,   // index in parameterStates
  groups: u32,
  partial: u32,     // index in partials at which this part begins
  beta1: f32,
  oneMinusBeta1: f32,
  secondDecay: f32,    // of v: beta2 and 1 - beta2; of h: sqrt(beta2) and 1 - beta1
  secondShare: f32,
  @if(hypotMoments) rootUnit: f32,    // sqrt(v) / h of hAdam
  epsilon: f32,
}

@group(0) @binding(5) var<storage, read> state: StepState;
@group(0) @binding(7) var<storage, read> parameterStates: array<ParameterState>;
@group(0) @binding(8) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> p: Params;

fn finiteMagnitude(moment: vec4f) -> vec4f {
  let bits = magnitudeBits(moment);
  return bitcast<vec4f>(select(bits, vec4u(), bits >= INFINITY_BITS));
}

@compute @workgroup_size(STATISTICS_WIDTH)
fn adamw_statistics(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  if (state.apply == 0u) {
    return;
  }
  let scales = parameterStates[p.parameter].scales;
  var epsilon = p.epsilon;
  @if(compoundScaling) {
    epsilon = scaledEpsilon(p.epsilon, state.scaleUsed);
  }
  var squares = vec4f();
  var largestM = vec4f();
  var largestV = vec4f();
  for (var i = group.x * STATISTICS_WIDTH + local; i < p.vectors; i += p.groups * STATISTICS_WIDTH) {
    let g = gradient::load(i) * state.gradFactor;
    let before = loadMoments(i, (p.first + i) / 32u, scales);
    let next = nextMoments(before, g, vec4f(p.beta1, p.oneMinusBeta1, p.secondDecay, p.secondShare));
    @if(!hypotMoments) let root = sqrt(next.second);
    @if(hypotMoments) let root = next.second * p.rootUnit;
    let update = g / max(root * state.biasCorrection2, vec4f(epsilon));
    squares = fma(update, update, squares);
    largestM = max(largestM, finiteMagnitude(next.first));
    largestV = max(largestV, finiteMagnitude(next.second));
  }
  let part = vec4f(
    dot(squares, vec4f(1.0)),
    max(max(largestM.x, largestM.y), max(largestM.z, largestM.w)),
    max(max(largestV.x, largestV.y), max(largestV.z, largestV.w)),
    0.0,
  );
  let all = workgroupStatistics(part, local);
  if (local == 0u) {
    partials[p.partial + group.x] = all;
  }
}
