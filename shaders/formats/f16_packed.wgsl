// f16_packed: storage prelude. Half precision, two per word: the same eight bytes as vec4h, on any adapter.
// shapes:  Elem4 is four elements, 2 bytes each
// numerics: encode rounds to nearest even in integers, to infinity from 65520; subnormals are kept if the adapter keeps them; with FLUSHES, results below 2^-14 become zero
// dispatch: none (format)
// source:  IEEE 754 binary16; reference/rounding.ts (oracle)
import package::lib::round::{anyHalfNonFinite, f16Codes, f16CodesFlushed, magnitudeBits, packHalves, F16_OVERFLOW};

alias Elem4 = vec2u;

fn decode(e: Elem4) -> vec4f {
  return vec4f(unpack2x16float(e.x), unpack2x16float(e.y));
}

fn encode(v: vec4f) -> Elem4 {
  if (FLUSHES) {
    return packHalves(f16CodesFlushed(v));
  }
  return packHalves(f16Codes(v));
}

fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= F16_OVERFLOW);
}

fn nonFinite(e: Elem4) -> bool {
  return anyHalfNonFinite(e);
}
