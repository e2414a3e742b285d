// fixed_sum: sums of f32 numbers as 64-bit integers, which do not depend on their order.
// shapes:  one number a lane, low and high words; an integer n stands for n 2^(exponent - 62)
// numerics: each number is rounded once to the last bit of the integers, and so is their sum to f32; additions are exact
// dispatch: none (library); all lanes of a workgroup must call totalOf, with WIDTH lanes at most
// source:  own; reference/fixed.ts (oracle)
import package::lib::fixed::{floatOf, Fixed};

const WIDTH = 256u;
// No integer but 0 may stand for less than 2^-126.
const LEAST_EXPONENT = -60;

var<workgroup> parts: array<vec2u, WIDTH>;

fn addWords(a: vec2u, b: vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn sumOfFour(a: Fixed) -> vec2u {
  let left = addWords(vec2u(a.low.x, a.high.x), vec2u(a.low.y, a.high.y));
  return addWords(left, addWords(vec2u(a.low.z, a.high.z), vec2u(a.low.w, a.high.w)));
}

// The sum over the first `lanes` lanes, a power of two; only lane 0 has it.
fn totalOf(own: vec2u, local: u32, lanes: u32) -> vec2u {
  parts[local] = own;
  workgroupBarrier();
  for (var span = lanes / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      parts[local] = addWords(parts[local], parts[local + span]);
    }
    workgroupBarrier();
  }
  return parts[0];
}

fn nearest(sum: vec2u, exponent: i32) -> f32 {
  return floatOf(Fixed(vec4u(sum.x, 0u, 0u, 0u), vec4u(sum.y, 0u, 0u, 0u)), exponent).x;
}

// The exponent with which 2^headroom numbers fit that are not larger than one with these bits.
fn exponentFor(largest: u32, headroom: u32) -> i32 {
  return max(i32(largest >> 23u) - 126 + i32(headroom), LEAST_EXPONENT);
}
