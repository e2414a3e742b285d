// round: reproducible rounding of f32 to narrower formats with integer operations only.
// shapes:  four values at a time
// numerics: round to nearest, ties to even; WGSL's own conversions may round either way, so they are not used
// dispatch: none (library)
// source:  generic encoder of IEEE 754 narrowing; reference/rounding.ts (oracle)

const MAGNITUDE = vec4u(0x7fffffffu);
const INFINITY_BITS = vec4u(0x7f800000u);
const QUIET_NAN = vec4u(0x7fc00000u);
// The first f32 magnitude that rounds to f16 infinity: 65520.
const F16_OVERFLOW = vec4u(0x477ff000u);

fn magnitudeBits(v: vec4f) -> vec4u {
  return bitcast<vec4u>(v) & MAGNITUDE;
}

// f16 codes. Subnormals are kept, values beyond the range become infinity, and NaN stays NaN.
fn f16Codes(v: vec4f) -> vec4u {
  let bits = bitcast<vec4u>(v);
  let magnitude = bits & MAGNITUDE;
  let exponent = magnitude >> vec4u(23u);
  let significand = (magnitude & vec4u(0x7fffffu)) | vec4u(0x800000u);
  // Normal numbers lose 13 bits. Numbers that become subnormal lose more; dropping 25 leaves none.
  let shift = clamp(vec4u(126u) - min(exponent, vec4u(126u)), vec4u(13u), vec4u(25u));
  let half = (vec4u(1u) << (shift - vec4u(1u))) - vec4u(1u);
  let rounded = (significand + half + ((significand >> shift) & vec4u(1u))) >> shift;
  let normal = rounded + ((max(exponent, vec4u(113u)) - vec4u(113u)) << vec4u(10u));
  let finite = select(normal, vec4u(0x7c00u), magnitude >= F16_OVERFLOW);
  let code = select(finite, vec4u(0x7e00u), magnitude > INFINITY_BITS);
  return code | ((bits >> vec4u(16u)) & vec4u(0x8000u));
}

// f16 codes with results below 2^-14 replaced by zero, as WGSL allows an implementation to do.
fn f16CodesFlushed(v: vec4f) -> vec4u {
  let codes = f16Codes(v);
  return select(codes, codes & vec4u(0x8000u), (codes & vec4u(0x7fffu)) < vec4u(0x0400u));
}

// f16 codes with infinity replaced by the largest finite value; NaN stays NaN.
fn saturateHalves(codes: vec4u) -> vec4u {
  return select(codes, (codes & vec4u(0x8000u)) | vec4u(0x7bffu), (codes & vec4u(0x7fffu)) == vec4u(0x7c00u));
}

// f32 bits rounded at bit `dropped`; infinities and NaN pass through.
fn roundMantissa(v: vec4f, dropped: u32) -> vec4u {
  let bits = bitcast<vec4u>(v);
  let half = (1u << (dropped - 1u)) - 1u;
  let odd = (bits >> vec4u(dropped)) & vec4u(1u);
  let rounded = (bits + vec4u(half) + odd) & vec4u(0xffffffffu << dropped);
  return select(rounded, bits, (bits & INFINITY_BITS) == INFINITY_BITS);
}

// bf16 codes. A NaN gets a mantissa bit in the upper half, so that it stays a NaN.
fn bf16Codes(v: vec4f) -> vec4u {
  let rounded = roundMantissa(v, 16u) >> vec4u(16u);
  return select(rounded, rounded | vec4u(0x40u), magnitudeBits(v) > INFINITY_BITS);
}

// bf16 codes with stochastic rounding: a value is rounded away from zero with a probability equal to its dropped fraction.
// `random` provides 16 bits per value. A finite value stays finite.
fn bf16CodesStochastic(v: vec4f, random: vec4u) -> vec4u {
  let bits = bitcast<vec4u>(v);
  let rounded = (bits + (random & vec4u(0xffffu))) >> vec4u(16u);
  let finite = select(rounded, bits >> vec4u(16u), (rounded & vec4u(0x7f80u)) == vec4u(0x7f80u));
  return select(finite, bf16Codes(v), magnitudeBits(v) >= INFINITY_BITS);
}

// Packs two codes per word: (x, y) and (z, w), the first in the low half.
fn packHalves(codes: vec4u) -> vec2u {
  return codes.xz | (codes.yw << vec2u(16u));
}

fn unpackHalves(words: vec2u) -> vec4u {
  return vec4u(words.x & 0xffffu, words.x >> 16u, words.y & 0xffffu, words.y >> 16u);
}

fn anyHalfNonFinite(words: vec2u) -> bool {
  let low = (words & vec2u(0x7c00u)) == vec2u(0x7c00u);
  let high = (words & vec2u(0x7c000000u)) == vec2u(0x7c000000u);
  return any(low) || any(high);
}

// Codes of an 8-bit format with `mantissa` bits and exponent bias `bias`. Larger values and infinity become the code
// `largest`, and NaN becomes the code `nan`.
fn fp8Codes(v: vec4f, mantissa: u32, bias: u32, largest: u32, nan: u32) -> vec4u {
  let bits = bitcast<vec4u>(v);
  let magnitude = bits & MAGNITUDE;
  let exponent = magnitude >> vec4u(23u);
  let significand = (magnitude & vec4u(0x7fffffu)) | vec4u(0x800000u);
  let dropped = 23u - mantissa;
  let least = 128u - bias;
  // As in f16Codes, numbers that become subnormal lose more bits; dropping 25 leaves none.
  let shift = min(vec4u(least + dropped) - min(exponent, vec4u(least)), vec4u(25u));
  let half = (vec4u(1u) << (shift - vec4u(1u))) - vec4u(1u);
  let rounded = (significand + half + ((significand >> shift) & vec4u(1u))) >> shift;
  let normal = rounded + ((max(exponent, vec4u(least)) - vec4u(least)) << vec4u(mantissa));
  let code = select(min(normal, vec4u(largest)), vec4u(nan), magnitude > INFINITY_BITS);
  return code | ((bits >> vec4u(24u)) & vec4u(0x80u));
}

// The four bytes of a word, the lowest first, each as the highest of a word; below it lie the word's lower bytes.
fn bytesAtTop(word: u32) -> vec4u {
  return vec4u(word) << vec4u(24u, 16u, 8u, 0u);
}

// Packs four codes in a word, the first in the lowest byte.
fn packBytes(codes: vec4u) -> u32 {
  return codes.x | (codes.y << 8u) | (codes.z << 16u) | (codes.w << 24u);
}

// Whether the lower seven bits of a byte are above `largest`, for all four at once: the sum then reaches the byte's highest bit.
fn anyByteAbove(word: u32, largest: u32) -> bool {
  return (((word & 0x7f7f7f7fu) + (0x7fu - largest) * 0x01010101u) & 0x80808080u) != 0u;
}
