// f16_packed: storage prelude. Half precision, two per word: the same eight bytes as vec4h, on any adapter.
// shapes:  Elem4 is four elements, 2 bytes each
// numerics: encode rounds to nearest even in integers, to infinity from 65520; subnormals are kept if the adapter keeps them; with FLUSHES, results below 2^-14 become zero; with SATURATES, larger values and infinity become 65504
// dispatch: none (format)
// source:  IEEE 754 binary16; reference/rounding.ts (oracle)
import package::lib::round::{anyHalfNonFinite, f16Codes, f16CodesFlushed, magnitudeBits, packHalves, saturateHalves, F16_OVERFLOW, INFINITY_BITS};

alias Elem4 = vec2u;

fn decode(e: Elem4) -> vec4f {
  return vec4f(unpack2x16float(e.x), unpack2x16float(e.y));
}

fn encode(v: vec4f) -> Elem4 {
  var codes = f16Codes(v);
  if (FLUSHES) {
    codes = f16CodesFlushed(v);
  }
  if (SATURATES) {
    codes = saturateHalves(codes);
  }
  return packHalves(codes);
}

fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= select(F16_OVERFLOW, INFINITY_BITS, SATURATES));
}

fn nonFinite(e: Elem4) -> bool {
  return anyHalfNonFinite(e);
}
