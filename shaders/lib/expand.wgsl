// expand: dynamic range expansion, which spreads a group's magnitudes over the codes of e4m3fn.
// shapes:  four elements of a group of 128, whose record is its largest magnitude and the exponent k
// numerics: 448 (|x| / largest)^k with the sign of x; magnitudes below 2^-126 become zero, non-finite values become NaN; the largest magnitude stays exact
// dispatch: none (library)
// source:  COAT (arXiv 2410.19313), with its constant c and the scale merged, so that a record has two numbers; reference/moments.ts (oracle)
import package::lib::round::{magnitudeBits, INFINITY_BITS, QUIET_NAN};

const LARGEST_CODE = 448.0;
// log2 of the ratio 448^2 / 2 between the largest and the smallest magnitude to which a group is expanded.
const RANGE_LOG2 = 16.614709844115207;
// k is a multiple of 1 / 16, from 1 / 16 to 16.
const STEPS = 16.0;
const LEAST_NORMAL = 0x1p-126f;

// Magnitudes, with zero in place of subnormal and non-finite ones.
fn magnitudesOf(v: vec4f) -> vec4f {
  let bits = magnitudeBits(v);
  let counts = (bits >= vec4u(0x00800000u)) & (bits < INFINITY_BITS);
  return bitcast<vec4f>(select(vec4u(), bits, counts));
}

// The exponent k of a group. A group whose magnitudes are all equal gets the largest k, and k is at least 1 / 16.
fn expansionOf(largest: f32, smallest: f32) -> f32 {
  let range = log2(max(largest, LEAST_NORMAL)) - log2(max(smallest, LEAST_NORMAL));
  return max(1.0, floor(STEPS * RANGE_LOG2 / max(range, RANGE_LOG2 / STEPS))) / STEPS;
}

fn expand(v: vec4f, largest: f32, k: f32) -> vec4f {
  let magnitude = magnitudesOf(v);
  let ratio = max(magnitude / max(largest, LEAST_NORMAL), vec4f(LEAST_NORMAL));
  let expanded = LARGEST_CODE * exp2(k * log2(ratio));
  let sign = bitcast<vec4u>(v) & vec4u(0x80000000u);
  let finite = select(vec4u(), bitcast<vec4u>(expanded), magnitude > vec4f()) | sign;
  return bitcast<vec4f>(select(finite, QUIET_NAN, magnitudeBits(v) >= INFINITY_BITS));
}

fn contract(q: vec4f, largest: f32, k: f32) -> vec4f {
  let bits = magnitudeBits(q);
  let share = bitcast<vec4f>(min(bits, vec4u(0x43e00000u))) / LARGEST_CODE;
  let contracted = largest * exp2(log2(max(share, vec4f(LEAST_NORMAL))) / k);
  let exact = select(contracted, vec4f(largest), bits >= vec4u(0x43e00000u));
  let finite = select(vec4u(), bitcast<vec4u>(exact), bits > vec4u());
  let sign = bitcast<vec4u>(q) & vec4u(0x80000000u);
  return bitcast<vec4f>(select(finite, QUIET_NAN, bits >= INFINITY_BITS) | sign);
}
