// parameter_state: the state that AdamW keeps for each parameter tensor as a whole.
// shapes:  6 words of 4 bytes per parameter; 8 are allocated for each
// numerics: scales are powers of two, so that scaling never rounds, or any f32; they are 0 before the first step, when all moments are zero
// dispatch: none (library)
// source:  StableAdamW (arXiv 2304.13013), FP8-LM (arXiv 2310.18313); bound by kernels/optimizers/adamw.ts

struct ParameterState {
  updateFactor: f32,   // 1 / max(1, RMS of the update)
  rms: f32,
  scales: vec2f,       // scales of the stored m and v
  scalesBefore: vec2f, // the same before this step
}

// 1 / scale, and 0 where the scale is 0.
fn inverseF32Scales(scales: vec2f) -> vec2f {
  return select(1.0 / scales, vec2f(), scales == vec2f());
}

// 1 / scale for powers of two below 2^127. A scale of 0 gives 2^127, with which zero moments stay zero.
fn inverseScales(scales: vec2f) -> vec2f {
  return bitcast<vec2f>((vec2u(254u) - (bitcast<vec2u>(scales) >> vec2u(23u))) << vec2u(23u));
}
