// gelu: the tanh form of GELU and its derivative.
// shapes:  four values at a time
// numerics: f32; exponential form, with a clamped argument so that exp never overflows
// dispatch: none (library: an activation function of the MLP)
// source:  Hendrycks and Gimpel 2016, as in GPT-2; reference/gelu.ts (oracle)

const GELU_SCALE = 0.7978845608028654; // sqrt(2 / pi)
const GELU_CUBIC = 0.044715;

fn geluArgument(x: vec4f) -> vec4f {
  return clamp(GELU_SCALE * (x + GELU_CUBIC * x * x * x), vec4f(-15.0), vec4f(15.0));
}

fn activation(x: vec4f) -> vec4f {
  // 0.5 (1 + tanh u) = 1 - 1 / (1 + exp(2 u))
  return x - x / (1.0 + exp(2.0 * geluArgument(x)));
}

fn activationDerivative(x: vec4f) -> vec4f {
  // s = 0.5 (1 + tanh u) has the derivative 2 u' s (1 - s); in this form it is accurate where s is small.
  let s = 1.0 / (1.0 + exp(-2.0 * geluArgument(x)));
  let twiceSlope = 2.0 * GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * x * x);
  return s * (1.0 + x * (1.0 - s) * twiceSlope);
}
