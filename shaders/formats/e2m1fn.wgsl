// e2m1fn: storage prelude. 4-bit floats up to 6 without infinities and NaN, eight a word.
// shapes:  Elem4 is four elements, half a byte each, in the lower half of a word
// numerics: 0, 0.5, 1, 1.5, 2, 3, 4 and 6 of both signs; rounded to nearest even on encode, or stochastically; what is larger, infinity and NaN become 6: the scale of a block says that it is not finite
// dispatch: none (format)
// source:  OCP 4-bit floating point E2M1 (1/2/1), saturating; reference/rounding.ts (oracle)
import package::lib::round::{fp8Codes, magnitudeBits, INFINITY_BITS};

alias Elem4 = u32;

// With the exponent rebiased, a normal code reads x = 2^(e - 1) (1 + m / 2). The codes 0 and 1, which have no leading 1, read 1/2 and
// 3/4 where 0 and 1/2 are meant. That is 2 x - 1, which is less than x there and at least x elsewhere.
fn decode(e: Elem4) -> vec4f {
  let nibbles = vec4u(e) << vec4u(28u, 24u, 20u, 16u);
  let x = bitcast<vec4f>(((nibbles & vec4u(0x70000000u)) >> vec4u(6u)) + vec4u(126u << 23u));
  let magnitude = bitcast<vec4u>(min(x, fma(x, vec4f(2.0), vec4f(-1.0))));
  return bitcast<vec4f>(magnitude | (nibbles & vec4u(0x80000000u)));
}

fn packNibbles(codes: vec4u) -> Elem4 {
  return codes.x | (codes.y << 4u) | (codes.z << 8u) | (codes.w << 12u);
}

fn encode(v: vec4f) -> Elem4 {
  let codes = fp8Codes(v, 1u, 1u, 7u, 7u);
  return packNibbles((codes & vec4u(7u)) | ((codes & vec4u(0x80u)) >> vec4u(4u)));
}

// The nearest value above or below, each with the probability that makes the mean the value itself. Of a magnitude below 1, more bits
// are dropped the smaller it is; what 31 bits cannot hold is cut off first.
fn encodeStochastic(v: vec4f, random: vec4u) -> Elem4 {
  let bits = bitcast<vec4u>(v);
  let exponent = magnitudeBits(v) >> vec4u(23u);
  let significand = (bits & vec4u(0x7fffffu)) | vec4u(0x800000u);
  let dropped = vec4u(149u) - min(exponent, vec4u(127u));
  let shift = min(dropped, vec4u(31u));
  let kept = significand >> min(dropped - shift, vec4u(31u));
  let rounded = (kept + (random & ((vec4u(1u) << shift) - vec4u(1u)))) >> shift;
  let normal = rounded + ((max(exponent, vec4u(127u)) - vec4u(127u)) << vec4u(1u));
  return packNibbles(min(normal, vec4u(7u)) | ((bits >> vec4u(28u)) & vec4u(8u)));
}

// Before narrowing: a finite value only saturates, which is no overflow.
fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= INFINITY_BITS);
}
