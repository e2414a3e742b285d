// i8: storage prelude. Integers from -127 to 127, four a word, so that codes are symmetric.
// shapes:  Elem4 is four elements, 1 byte each, in two's complement
// numerics: rounded to nearest even on encode; what is larger, and infinity, becomes the largest value; NaN, for which there is no code, becomes 0
// dispatch: none (format)
// source:  symmetric quantisation of SwitchBack (arXiv 2304.13013); reference/rounding.ts (oracle)
import package::lib::round::{bytesAtTop, magnitudeBits, packBytes, INFINITY_BITS};

alias Elem4 = u32;

const LARGEST = vec4u(0x42fe0000u);  // 127.0

fn decode(e: Elem4) -> vec4f {
  return vec4f(bitcast<vec4i>(bytesAtTop(e)) >> vec4u(24u));
}

fn encode(v: vec4f) -> Elem4 {
  let given = magnitudeBits(v);
  let magnitude = min(given, LARGEST);
  let significand = (magnitude & vec4u(0x7fffffu)) | vec4u(0x800000u);
  // The bits behind the point; dropping 25 leaves none.
  let shift = min(vec4u(150u) - (magnitude >> vec4u(23u)), vec4u(25u));
  let half = (vec4u(1u) << (shift - vec4u(1u))) - vec4u(1u);
  let rounded = (significand + half + ((significand >> shift) & vec4u(1u))) >> shift;
  let code = select(rounded, vec4u(), given > INFINITY_BITS);
  let isNegative = bitcast<vec4u>(v) >= vec4u(0x80000000u);
  return packBytes(select(code, vec4u(0u) - code, isNegative) & vec4u(0xffu));
}

// Before narrowing: a finite value only saturates, which is no overflow.
fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= INFINITY_BITS);
}

// No code stands for infinity or NaN: the kernel that stored the tensor from which codes are made has reported them.
fn nonFinite(e: Elem4) -> bool {
  return false;
}
