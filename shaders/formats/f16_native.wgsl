// f16_native: storage prelude. Half precision as vec4h; needs shader-f16.
// shapes:  Elem4 is four elements, 2 bytes each
// numerics: encode rounds to nearest even in integers, to infinity from 65520; subnormals are kept if the adapter keeps them; with FLUSHES, results below 2^-14 become zero; with SATURATES, larger values and infinity become 65504
// dispatch: none (format)
// source:  IEEE 754 binary16; reference/rounding.ts (oracle)
import package::lib::round::{f16Codes, f16CodesFlushed, magnitudeBits, packHalves, saturateHalves, F16_OVERFLOW, INFINITY_BITS};
enable f16;

alias Elem4 = vec4h;

fn decode(e: Elem4) -> vec4f {
  return vec4f(e);
}

// The codes are converted to vec4h by exact conversions, because Naga has no bitcast between vec2u and vec4h.
fn encode(v: vec4f) -> Elem4 {
  var codes = f16Codes(v);
  if (FLUSHES) {
    codes = f16CodesFlushed(v);
  }
  if (SATURATES) {
    codes = saturateHalves(codes);
  }
  let words = packHalves(codes);
  return vec4h(vec4f(unpack2x16float(words.x), unpack2x16float(words.y)));
}

fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= select(F16_OVERFLOW, INFINITY_BITS, SATURATES));
}
