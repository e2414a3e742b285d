// exponents: histogram of binary exponents, which the numerics panel shows.
// shapes:  histogram is one row of 256 counts: bin 0 exact zeros, bins 1 to 254 biased exponents (bin 1 includes f32 subnormals), bin 255 infinities and NaN
// numerics: the exponent field of the f32 bits; no logarithm, no rounding
// dispatch: none (library); integer atomics, so that the order of workgroups does not matter
// source:  must match BINS in src/engine/kernels/numerics.ts
import package::lib::round::magnitudeBits;

@group(0) @binding(14) var<storage, read_write> histogram: array<atomic<u32>>;

fn exponentBins(v: vec4f) -> vec4u {
  let magnitude = magnitudeBits(v);
  return select(max(magnitude >> vec4u(23u), vec4u(1u)), vec4u(0u), magnitude == vec4u(0u));
}

// Kernels with the condition `probe` call this with the f32 values of a gradient before they narrow and store them.
fn countExponents(v: vec4f) {
  let bins = exponentBins(v);
  // Neighbouring values often have the same exponent, and then one addition counts all four.
  if (all(bins == bins.xxxx)) {
    atomicAdd(&histogram[bins.x], 4u);
    return;
  }
  atomicAdd(&histogram[bins.x], 1u);
  atomicAdd(&histogram[bins.y], 1u);
  atomicAdd(&histogram[bins.z], 1u);
  atomicAdd(&histogram[bins.w], 1u);
}

fn countExponentsWhere(v: vec4f, counted: vec4<bool>) {
  let bins = exponentBins(v);
  // A vector of zeros and ones: adding 0 counts nothing.
  let ones = vec4u(counted);
  atomicAdd(&histogram[bins.x], ones.x);
  atomicAdd(&histogram[bins.y], ones.y);
  atomicAdd(&histogram[bins.z], ones.z);
  atomicAdd(&histogram[bins.w], ones.w);
}
