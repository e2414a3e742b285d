// layernorm: normalises four values of a row.
// shapes:  x, weight, bias at the same columns; mean and rstd of their row
// numerics: f32; the forward pass and its recomputation share this function, so that both give the same bits
// dispatch: none (library)
// source:  layernorm_forward of llm.c (algorithm); reference/layernorm.ts (oracle)

fn layernorm(x: vec4f, mean: f32, rstd: f32, weight: vec4f, bias: vec4f) -> vec4f {
  let normalised = (x - mean) * rstd;
  return normalised * weight + bias;
}
