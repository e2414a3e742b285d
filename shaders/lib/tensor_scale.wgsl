// tensor_scale: the scale that brings a tensor into the range of a narrow format.
// shapes:  one record of 16 bytes per tensor; amax, in a tensor of its own, holds the f32 bits of its largest magnitude
// numerics: scales are powers of two between 2^-126 and 2^126, so that scaling and its inverse never round; integers only
// dispatch: none (library)
// source:  compute_scale_from_amax of TransformerEngine, rounded down to a power of two; reference/tensorScale.ts (oracle)

struct TensorScale {
  scale: f32,      // values are multiplied by it before they are stored
  inverse: f32,    // 1 / scale
  largest: u32,    // f32 bits of the largest value of the format
  reserved: u32,
}

const MANTISSA = 0x7fffffu;

// A scale can be computed from amax unless it is zero, infinity or NaN.
fn isUsable(amax: u32) -> bool {
  return amax > 0u && amax < 0x7f800000u;
}

// The largest k with amax * 2^k <= largest, minus the margin.
fn scaleExponent(amax: u32, largest: u32, margin: u32) -> i32 {
  let beyond = select(0, 1, (amax & MANTISSA) > (largest & MANTISSA));
  return clamp(i32(largest >> 23u) - i32(amax >> 23u) - beyond - i32(margin), -126, 126);
}

fn powerOfTwo(exponent: i32) -> f32 {
  return bitcast<f32>(u32(exponent + 127) << 23u);
}
