// e5m2: storage prelude. 8-bit floats up to 57344, the upper half of an f16, four per word.
// shapes:  Elem4 is four elements, 1 byte each
// numerics: encode rounds to nearest even; larger values and infinity become the largest value; NaN stays NaN
// dispatch: none (format)
// source:  OCP 8-bit floating point E5M2 (1/5/2), saturating; reference/rounding.ts (oracle)
import package::lib::round::{anyByteAbove, byteCodes, fp8Codes, magnitudeBits, packBytes, INFINITY_BITS};

alias Elem4 = u32;

// Subnormals are computed from integers with one exact product, so that no adapter flushes them.
fn decode(e: Elem4) -> vec4f {
  let codes = byteCodes(e);
  let magnitude = codes & vec4u(0x7fu);
  let normal = (magnitude << vec4u(21u)) + vec4u(112u << 23u);
  let subnormal = bitcast<vec4u>(vec4f(magnitude) * 0x1p-16f);
  let finite = select(normal, subnormal, magnitude < vec4u(4u));
  // The largest exponent means infinity and NaN in both formats.
  let bits = select(finite, normal | INFINITY_BITS, magnitude >= vec4u(0x7cu));
  return bitcast<vec4f>(bits | ((codes & vec4u(0x80u)) << vec4u(24u)));
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
