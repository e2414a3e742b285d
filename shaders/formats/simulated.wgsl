// simulated: storage prelude. Floats with EXPONENT_BITS and MANTISSA_BITS, stored in 32-bit floats.
// shapes:  Elem4 is four elements, 4 bytes each
// numerics: encode rounds toward zero with TRUNCATES, otherwise to nearest even. With 8 exponent bits the range is that of f32; with fewer, subnormals are kept, larger values and infinity become the largest value, and NaN stays NaN
// dispatch: none (format)
// source:  operands of arXiv 2405.18710; reference/rounding.ts (oracle)
import package::lib::round::{magnitudeBits, roundMantissa, INFINITY_BITS};

alias Elem4 = vec4f;

const DROPPED = 23u - u32(MANTISSA_BITS);
const BIAS = (1u << (u32(EXPONENT_BITS) - 1u)) - 1u;
// Exponent field of the smallest normal number, with the bias of f32.
const LEAST_NORMAL = 128u - BIAS;
const LARGEST = ((127u + BIAS) << 23u) | ((0x7fffffu >> DROPPED) << DROPPED);

fn decode(e: Elem4) -> vec4f {
  return e;
}

// Rounds the mantissa only; infinities and NaN pass through.
fn wide(v: vec4f) -> vec4u {
  let bits = bitcast<vec4u>(v);
  let cut = select(bits & vec4u(~((1u << DROPPED) - 1u)), bits, magnitudeBits(v) >= INFINITY_BITS);
  return select(roundMantissa(v, DROPPED), cut, TRUNCATES);
}

fn narrow(v: vec4f) -> vec4u {
  let bits = bitcast<vec4u>(v);
  let kept = min(magnitudeBits(v), vec4u(LARGEST));
  let exponent = kept >> vec4u(23u);
  let significand = (kept & vec4u(0x7fffffu)) | vec4u(0x800000u);
  // Numbers that become subnormal lose more bits; dropping 25 leaves none.
  let shift = clamp(vec4u(LEAST_NORMAL + DROPPED) - min(exponent, vec4u(LEAST_NORMAL)), vec4u(DROPPED), vec4u(25u));
  let half = (vec4u(1u) << (shift - vec4u(1u))) - vec4u(1u);
  let nearest = significand + half + ((significand >> shift) & vec4u(1u));
  let rounded = select(nearest, significand, TRUNCATES) >> shift;
  // An integer times the step of its exponent: both factors are exact, and neither is an f32 subnormal.
  let step = bitcast<vec4f>((max(exponent, vec4u(LEAST_NORMAL)) - vec4u(u32(MANTISSA_BITS))) << vec4u(23u));
  let value = bitcast<vec4u>(vec4f(rounded) * step) | (bits & vec4u(0x80000000u));
  return select(value, bits, magnitudeBits(v) > INFINITY_BITS);
}

fn encode(v: vec4f) -> Elem4 {
  if (EXPONENT_BITS == 8) {
    return bitcast<vec4f>(wide(v));
  }
  return bitcast<vec4f>(narrow(v));
}

// Tests values before rounding. A finite value beyond a narrow range is clipped, which is no overflow.
fn overflows(v: vec4f) -> bool {
  var limit = INFINITY_BITS;
  if (EXPONENT_BITS == 8 && !TRUNCATES) {
    limit -= vec4u((1u << DROPPED) >> 1u);
  }
  return any(magnitudeBits(v) >= limit);
}

fn nonFinite(e: Elem4) -> bool {
  return any(magnitudeBits(e) >= INFINITY_BITS);
}
