// f32: storage prelude. 32-bit floats, unchanged.
// shapes:  Elem4 is four elements, 4 bytes each
// numerics: no rounding; overflow means a non-finite value
// dispatch: none (format)
// source:  IEEE 754 binary32; reference/rounding.ts (oracle)
import package::lib::round::{magnitudeBits, INFINITY_BITS};

alias Elem4 = vec4f;

fn decode(e: Elem4) -> vec4f {
  return e;
}

fn encode(v: vec4f) -> Elem4 {
  return v;
}

fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= INFINITY_BITS);
}

fn nonFinite(e: Elem4) -> bool {
  return any(magnitudeBits(e) >= INFINITY_BITS);
}
