// e5m2: storage prelude. 8-bit floats up to 57344, the upper half of an f16, four per word.
// shapes:  Elem4 is four elements, 1 byte each
// numerics: encode rounds to nearest even; larger values and infinity become the largest value; NaN stays NaN
// dispatch: none (format)
// source:  OCP 8-bit floating point E5M2 (1/5/2), saturating; reference/rounding.ts (oracle)
import package::lib::round::{anyByteAbove, bytesAtTop, fp8Codes, magnitudeBits, packBytes, INFINITY_BITS};

alias Elem4 = u32;

// As in e4m3fn.wgsl: a normal code reads x = 2^(e - 15) (1 + m / 4), and of a subnormal 2 x - 2^-14 is meant.
fn decode(e: Elem4) -> vec4f {
  let bytes = bytesAtTop(e);
  let magnitude = bytes & vec4u(0x7f000000u);
  let rebiased = (magnitude >> vec4u(3u)) + vec4u(112u << 23u);
  let x = bitcast<vec4f>(rebiased);
  let finite = bitcast<vec4u>(min(x, fma(x, vec4f(2.0), vec4f(-0x1p-14f))));
  // The largest exponent means infinity and NaN in both formats.
  let bits = select(finite, rebiased | INFINITY_BITS, magnitude >= vec4u(0x7c000000u));
  return bitcast<vec4f>(bits | (bytes & vec4u(0x80000000u)));
}

fn encode(v: vec4f) -> Elem4 {
  return packBytes(fp8Codes(v, 2u, 15u, 0x7bu, 0x7eu));
}

// Tests values before narrowing. A finite value saturates, which is no overflow.
fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= INFINITY_BITS);
}

fn nonFinite(e: Elem4) -> bool {
  return anyByteAbove(e, 0x7bu);
}
