// parameter_state: what AdamW knows of a whole parameter beside its elements.
// shapes:  8 words of 4 bytes a parameter
// numerics: scales are powers of two, so that they never round; 0 before the first step, when all moments are zero
// dispatch: none (library)
// source:  StableAdamW (arXiv 2304.13013), FP8-LM (arXiv 2310.18313); kernels/optimizer.ts binds it

struct ParameterState {
  updateFactor: f32,   // 1 / max(1, RMS of the update)
  rms: f32,
  scales: vec2f,       // that m and v are stored with
  scalesBefore: vec2f, // that they were stored with before this step
}

// 1 / scale of a power of two below 2^127; 0 gives 2^127, which leaves zeros zero.
fn inverseScales(scales: vec2f) -> vec2f {
  return bitcast<vec2f>((vec2u(254u) - (bitcast<vec2u>(scales) >> vec2u(23u))) << vec2u(23u));
}
