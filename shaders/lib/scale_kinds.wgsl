// scale_kinds: scales that are no powers of two: the f32 number that a magnitude asks for, and E4M3.
// shapes:  the inverse of a scale, by which values that were multiplied by it are multiplied again
// numerics: integers only, so that inverses are equal on every adapter
// dispatch: none (library)
// source:  scaling by amax / largest of TransformerEngine and torchao; NVFP4's E4M3 scales; reference/tensorScale.ts (oracle)
import package::lib::round::fp8Codes;
import package::lib::tensor_scale::isUsable;

const LEAST_INVERSE = 0x00800000u;  // 2^-126

// amax / largest as an f32, rounded up, so that nothing saturates; 1 where amax says nothing. Both are f32 bits, and `largest` has at most 8 significant bits.
fn inverseFor(amax: u32, largest: u32) -> f32 {
  if (!isUsable(amax)) {
    return 1.0;
  }
  let significand = (largest & 0x7fffffu) | 0x800000u;
  let zeros = countTrailingZeros(significand);
  let divisor = significand >> zeros;
  let dividend = ((amax & 0x7fffffu) | 0x800000u) << 8u;
  // At least 24 bits, of which those beyond are rounded up.
  let quotient = dividend / divisor + select(0u, 1u, dividend % divisor > 0u);
  let beyond = 8u - countLeadingZeros(quotient);
  let rounded = (quotient + (1u << beyond) - 1u) >> beyond;
  // A carry out of the significand is one of the exponent: 2^24 has the bits 0 after its first.
  let exponent = i32(amax >> 23u) - i32(largest >> 23u) - i32(zeros) - 8 + i32(beyond) + 23 + 127;
  let bits = (exponent << 23u) + i32(rounded) - 0x800000;
  return bitcast<f32>(max(bits, i32(LEAST_INVERSE)));
}

fn e4m3Codes(v: vec4f) -> vec4u {
  return fp8Codes(v, 3u, 7u, 0x7eu, 0x7fu);
}

// Of codes without a sign.
fn e4m3Values(codes: vec4u) -> vec4f {
  let normal = bitcast<vec4f>((codes << vec4u(20u)) + vec4u(120u << 23u));
  return select(normal, vec4f(codes) * 0x1p-9f, codes < vec4u(8u));
}
