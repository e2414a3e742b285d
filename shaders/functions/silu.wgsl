// silu: x times its sigmoid, and the derivative.
// shapes:  four values at a time
// numerics: f32; the argument of exp is clamped, so that it never overflows
// dispatch: none (library: the gate of a gated MLP)
// source:  Elfwing et al. 2017, as in Llama; reference/gated.ts (oracle)

fn sigmoid(x: vec4f) -> vec4f {
  return 1.0 / (1.0 + exp(clamp(-x, vec4f(-80.0), vec4f(80.0))));
}

fn activation(x: vec4f) -> vec4f {
  return x * sigmoid(x);
}

fn activationDerivative(x: vec4f) -> vec4f {
  let s = sigmoid(x);
  return s * (1.0 + x * (1.0 - s));
}
