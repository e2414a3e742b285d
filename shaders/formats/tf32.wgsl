// tf32: storage prelude. 32-bit floats with ten mantissa bits (simulated TF32).
// shapes:  Elem4 is four elements, 4 bytes each
// numerics: encode rounds to nearest even; range of f32
// dispatch: none (format)
// source:  NVIDIA TF32 (1/8/10); reference/rounding.ts (oracle)
import package::lib::round::{magnitudeBits, roundMantissa, INFINITY_BITS};

alias Elem4 = vec4f;

fn decode(e: Elem4) -> vec4f {
  return e;
}

fn encode(v: vec4f) -> Elem4 {
  return bitcast<vec4f>(roundMantissa(v, 13u));
}

fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= vec4u(0x7f7ff000u));
}

fn nonFinite(e: Elem4) -> bool {
  return any(magnitudeBits(e) >= INFINITY_BITS);
}
