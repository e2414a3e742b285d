// split: an f32 as the nearest bf16 and a signed 16-bit rest, four at a time: an exact master in four bytes.
// shapes:  four f32 to four codes of 16 bits each, and back
// numerics: high = (bits + 0x8000) >> 16, ties away from zero; a finite f32 comes back bit by bit, a NaN as a NaN
// dispatch: none (library)
// source:  the bf16 and u16 halves of modded-nanogpt (idea); reference/rounding.ts (oracle)
import package::lib::round::{bf16Codes, INFINITY_BITS};

struct Halves {
  high: vec4u,
  low: vec4u,
}

// Cutting would be as reversible, but the high half is what matmuls read, and cut weights are all too small by half a step
// on average. A tie can only go one way: to nearest even would lose which side it came from.
fn splitHalves(v: vec4f) -> Halves {
  let bits = bitcast<vec4u>(v);
  let special = (bits & INFINITY_BITS) == INFINITY_BITS;
  let high = select((bits + vec4u(0x8000u)) >> vec4u(16u), bf16Codes(v), special);
  return Halves(high, select(bits & vec4u(0xffffu), vec4u(), special));
}

fn joinHalves(halves: Halves) -> vec4f {
  let borrowed = (halves.low & vec4u(0x8000u)) << vec4u(1u);
  return bitcast<vec4f>((halves.high << vec4u(16u)) + halves.low - borrowed);
}
