// split: stores an f32 as the nearest bf16 and a signed 16-bit remainder, which gives an exact master in four bytes.
// shapes:  four f32 to four codes of 16 bits each, and back
// numerics: high = (bits + 0x8000) >> 16, ties away from zero; a finite f32 is restored bit for bit, a NaN as a NaN
// dispatch: none (library)
// source:  the bf16 and u16 halves of modded-nanogpt (idea); reference/rounding.ts (oracle)
import package::lib::round::{bf16Codes, INFINITY_BITS};

struct Halves {
  high: vec4u,
  low: vec4u,
}

// Truncation would be reversible too, but matmuls read the high half, and truncated weights would be too small by half a step
// on average. Ties round away from zero: rounding them to even would lose the direction, which joinHalves must know.
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
