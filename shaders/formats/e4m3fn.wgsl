// e4m3fn: storage prelude. 8-bit floats up to 448 without infinities, four a word.
// shapes:  Elem4 is four elements, 1 byte each
// numerics: rounded to nearest even on encode; what is larger, and infinity, becomes the largest value; NaN stays NaN
// dispatch: none (format)
// source:  OCP 8-bit floating point E4M3 (1/4/3), saturating; reference/rounding.ts (oracle)
import package::lib::round::{anyByteAbove, bytesAtTop, fp8Codes, magnitudeBits, packBytes, INFINITY_BITS, QUIET_NAN};

alias Elem4 = u32;

// With the exponent rebiased, a normal code reads x = 2^(e - 7) (1 + m / 8). The code of a subnormal, which has no leading 1, reads
// x = 2^-7 (1 + m / 8) where 2^-9 m = 2 x - 2^-6 is meant. That is less than x there and at least x elsewhere. None of them is a
// subnormal of f32, so that nothing is flushed.
fn decode(e: Elem4) -> vec4f {
  let bytes = bytesAtTop(e);
  let magnitude = bytes & vec4u(0x7f000000u);
  let x = bitcast<vec4f>((magnitude >> vec4u(4u)) + vec4u(120u << 23u));
  let finite = bitcast<vec4u>(min(x, fma(x, vec4f(2.0), vec4f(-0x1p-6f))));
  let bits = select(finite, QUIET_NAN, magnitude == vec4u(0x7f000000u));
  return bitcast<vec4f>(bits | (bytes & vec4u(0x80000000u)));
}

fn encode(v: vec4f) -> Elem4 {
  return packBytes(fp8Codes(v, 3u, 7u, 0x7eu, 0x7fu));
}

// Before narrowing: a finite value only saturates, which is no overflow.
fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= INFINITY_BITS);
}

fn nonFinite(e: Elem4) -> bool {
  return anyByteAbove(e, 0x7eu);
}
