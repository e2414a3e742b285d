// adamw: one AdamW update of a chunk of parameters or of one parameter; it changes nothing on a skipped step.
// shapes:  gradient, moments and those of lib/master (vectors) of four elements; the first `decayed` vectors have weight decay
// numerics: f32 between load and store, the update uses moments before they are rounded; gradients are unscaled and clipped by one factor
// dispatch: one lane per vector, linear grid; with grouped moments, `vectors` is a multiple of 64
// source:  Loshchilov and Hutter 2019, PyTorch's AdamW; StableAdamW (arXiv 2304.13013); reference/adamw.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::master::updateMaster;
import package::lib::moments::{loadMoments, nextMoments};
@if(!groupedMoments) import package::lib::moments::storeMoments;
@if(groupedMoments) import package::lib::moments::storeGroupedMoments;
@if(compoundScaling) import package::lib::moments::inOtherUnits;
@if(compoundScaling) import package::lib::scaled_units::{scaledEpsilon, unitChange};
@if(wholeParameter) import package::lib::parameter_state::ParameterState;
@if(stochasticMoments) import package::lib::random::{randomBits, randomVector, MOMENT_STREAM};
import package::lib::step_state::StepState;

struct Params {
  vectors: u32,
  decayed: u32,
  beta1: f32,
  oneMinusBeta1: f32,
  secondDecay: f32,    // of v: beta2 and 1 - beta2; of h: sqrt(beta2) and 1 - beta1
  secondShare: f32,
  @if(hypotMoments) rootUnit: f32,       // sqrt(v) / h of hAdam
  epsilon: f32,
  weightDecay: f32,
  rateFactor: f32,
  seed: u32,           // of the chunk, for stochastic rounding
  first: u32,          // vector of the chunk at which this dispatch begins
  parameter: u32,      // index in parameterStates
}

@group(0) @binding(5) var<storage, read> state: StepState;
@if(wholeParameter) @group(0) @binding(7) var<storage, read> parameterStates: array<ParameterState>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn adamw(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let begin = linearGroup(group) * 64u;
  let i = begin + local;
  @if(compoundScaling) {
    // A skipped step halves the loss scale, and the moments follow.
    if (state.apply == 0u && i < p.vectors && state.lossScale != state.scaleUsed) {
      let moments = loadMoments(i, 0u, vec2f());
      storeMoments(i, inOtherUnits(moments, unitChange(state.lossScale, state.scaleUsed)), vec2f(), vec4u());
    }
  }
  if (begin >= p.vectors || state.apply == 0u) {
    return;
  }
  @if(!groupedMoments) {
    if (i >= p.vectors) {
      return;
    }
  }
  let learningRate = state.learningRate * p.rateFactor;
  var rate = learningRate;
  var scales = vec2f();
  var scalesBefore = vec2f();
  @if(wholeParameter) {
    let parameter = parameterStates[p.parameter];
    rate *= parameter.updateFactor;
    scales = parameter.scales;
    scalesBefore = parameter.scalesBefore;
  }
  let vector = p.first + i;
  let g = gradient::load(i) * state.gradFactor;
  let before = loadMoments(i, vector / 32u, scalesBefore);
  let moments = nextMoments(before, g, vec4f(p.beta1, p.oneMinusBeta1, p.secondDecay, p.secondShare));
  var kept = moments;
  var epsilon = p.epsilon;
  @if(compoundScaling) {
    kept = inOtherUnits(moments, unitChange(state.lossScale, state.scaleUsed));
    epsilon = scaledEpsilon(p.epsilon, state.scaleUsed);
  }
  var random = vec4u();
  @if(stochasticMoments) {
    random = randomVector(vector, randomBits(state.applied, p.seed) ^ MOMENT_STREAM);
  }
  @if(!groupedMoments) {
    storeMoments(i, kept, scales, random);
  }
  @if(groupedMoments) {
    storeGroupedMoments(i, vector / 32u, local, kept);
  }
  @if(!hypotMoments) let denominator = sqrt(moments.second) * state.biasCorrection2 + epsilon;
  @if(hypotMoments) let denominator = (moments.second * state.biasCorrection2 + epsilon) * p.rootUnit;
  let direction = moments.first * state.biasCorrection1 / denominator;
  let decay = select(0.0, p.weightDecay, i < p.decayed) * learningRate;
  updateMaster(i, vector, decay, rate * direction, state.applied, p.seed);
}
