// relu2: the square of ReLU, and its derivative.
// shapes:  four values at a time
// numerics: f32; exactly zero for x <= 0
// dispatch: none (library: an activation function of the MLP)
// source:  So et al. 2021 (Primer); reference/relu2.ts (oracle)

fn activation(x: vec4f) -> vec4f {
  let positive = max(x, vec4f());
  return positive * positive;
}

fn activationDerivative(x: vec4f) -> vec4f {
  return 2.0 * max(x, vec4f());
}
