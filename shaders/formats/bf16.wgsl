// bf16: storage prelude. The upper half of a 32-bit float, two per word.
// shapes:  Elem4 is four elements, 2 bytes each
// numerics: encode rounds to nearest even, encodeStochastic by given random bits; range of f32
// dispatch: none (format)
// source:  bfloat16 (1/8/7); reference/rounding.ts (oracle)
import package::lib::round::{bf16Codes, bf16CodesStochastic, magnitudeBits, packHalves};

alias Elem4 = vec2u;

fn decode(e: Elem4) -> vec4f {
  let even = e << vec2u(16u);
  let odd = e & vec2u(0xffff0000u);
  return bitcast<vec4f>(vec4u(even.x, odd.x, even.y, odd.y));
}

fn encode(v: vec4f) -> Elem4 {
  return packHalves(bf16Codes(v));
}

fn encodeStochastic(v: vec4f, random: vec4u) -> Elem4 {
  return packHalves(bf16CodesStochastic(v, random));
}

fn overflows(v: vec4f) -> bool {
  return any(magnitudeBits(v) >= vec4u(0x7f7f8000u));
}

fn nonFinite(e: Elem4) -> bool {
  let low = (e & vec2u(0x7f80u)) == vec2u(0x7f80u);
  let high = (e & vec2u(0x7f800000u)) == vec2u(0x7f800000u);
  return any(low) || any(high);
}
