// soft_cap: cap * tanh(x / cap), which keeps values within the cap.
// shapes:  four values at a time
// numerics: f32; a series of five terms up to a quarter of the cap, exact to 2^-26 of the result, and beyond it the form with exp, which neither overflows nor cancels there
// dispatch: none (library)
// source:  Gemma 2 (arXiv 2408.00118); reference/softCap.ts (oracle)

fn softCap(x: vec4f, cap: f32) -> vec4f {
  let u = x / cap;
  let u2 = u * u;
  let series = x * (1.0 + u2 * (-1.0 / 3.0 + u2 * (2.0 / 15.0 + u2 * (-17.0 / 315.0 + u2 * (62.0 / 2835.0)))));
  let small = exp(-2.0 * abs(u));
  let far = sign(x) * (cap * ((1.0 - small) / (1.0 + small)));
  return select(far, series, abs(u) < vec4f(0.25));
}
