// adamw: one AdamW update of a chunk of parameters, or nothing at all on a skipped step.
// shapes:  gradient, master, m, v, compute, low (vectors) of four elements; the first `decayed` vectors have weight decay
// numerics: f32 between load and store, the update uses moments before they are rounded; gradients are unscaled and clipped by one factor
// dispatch: one lane a vector, linear grid
// source:  Loshchilov and Hutter 2019, PyTorch's AdamW; reference/adamw.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::master::{loadMaster, storeMaster};
@if(stochasticMaster) import package::lib::random::{randomBits, randomVector};
import package::lib::step_state::StepState;
import gradient_format::{Elem4 as ElemGradient, decode as decodeGradient};
import m_format::{Elem4 as ElemM, decode as decodeM, encode as encodeM};
import v_format::{Elem4 as ElemV, decode as decodeV, encode as encodeV};

struct Params {
  vectors: u32,
  decayed: u32,
  beta1: f32,
  oneMinusBeta1: f32,
  beta2: f32,
  oneMinusBeta2: f32,
  epsilon: f32,
  weightDecay: f32,
  seed: u32,           // of the chunk, for stochastic rounding
}

@group(0) @binding(0) var<storage, read> gradient: array<ElemGradient>;
@group(0) @binding(2) var<storage, read_write> m: array<ElemM>;
@group(0) @binding(3) var<storage, read_write> v: array<ElemV>;
@group(0) @binding(5) var<storage, read> state: StepState;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn adamw(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors || state.apply == 0u) {
    return;
  }
  let g = decodeGradient(gradient[i]) * state.gradFactor;
  let newM = p.beta1 * decodeM(m[i]) + p.oneMinusBeta1 * g;
  let newV = p.beta2 * decodeV(v[i]) + p.oneMinusBeta2 * g * g;
  m[i] = encodeM(newM);
  v[i] = encodeV(newV);
  let direction = newM * state.biasCorrection1 / (sqrt(newV) * state.biasCorrection2 + p.epsilon);
  let decay = select(0.0, p.weightDecay, i < p.decayed) * state.learningRate;
  let old = loadMaster(i);
  var random = vec4u();
  @if(stochasticMaster) {
    random = randomVector(i, randomBits(state.applied, p.seed));
  }
  storeMaster(i, old - decay * old - state.learningRate * direction, random);
}
