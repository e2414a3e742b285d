// exact_sums: sums of products of 8-bit integers.
// shapes:  four sums at a time
// numerics: exact below 2^24, and from there on rounded once
// dispatch: none (library)
// source:  own

// Both parts are exact in f32, so that their sum is rounded once.
fn roundedSum(sum: vec4i) -> vec4f {
  return fma(vec4f(sum >> vec4u(12u)), vec4f(4096.0), vec4f(sum & vec4i(4095)));
}
