// levels: rounds values to the levels of a simulated format that is data, an integer with a range or a float with a scale.
// shapes:  a level is one word: kind in the lowest byte (1 affine, 2 symmetric, 3 float to nearest, 4 float truncated), then bits, or exponent and mantissa bits
// numerics: results are f32; integers round to nearest even after division, whose last bit is the adapter's; floats round in integers after an exact scale; values that are not finite pass through
// dispatch: none (library)
// source:  modules/quantize.py of FracTrain (arXiv 2012.13113, algorithm); reference/levels.ts (oracle)
import package::lib::round::{magnitudeBits, roundMantissa, INFINITY_BITS};
import package::lib::tensor_scale::{isUsable, powerOfTwo, scaleExponent};

const AFFINE = 1u;
const SYMMETRIC = 2u;
const TRUNCATED = 4u;
// Steps of integers are at least this large.
const LEAST_STEP = 1e-8;

// Rounds values of ranges [low, high]. `noise`, from -0.5 to 0.5, is added to integers before they are rounded.
fn roundToLevels(v: vec4f, low: vec4f, high: vec4f, level: u32, noise: vec4f) -> vec4f {
  let kind = level & 0xffu;
  let bits = (level >> 8u) & 0xffu;
  var rounded: vec4f;
  if (kind == AFFINE) {
    let top = f32((1u << bits) - 1u);
    let step = max((high - low) / top, vec4f(LEAST_STEP));
    rounded = round(clamp((v - low) / step + noise, vec4f(), vec4f(top))) * step + low;
  } else if (kind == SYMMETRIC) {
    let top = f32((1u << (bits - 1u)) - 1u);
    let step = max(max(abs(low), abs(high)) / top, vec4f(LEAST_STEP));
    rounded = round(clamp(v / step + noise, vec4f(-top), vec4f(top))) * step;
  } else {
    rounded = roundToFloat(v, max(abs(low), abs(high)), bits, level >> 16u, kind == TRUNCATED);
  }
  return select(rounded, v, magnitudeBits(v) >= INFINITY_BITS);
}

// Floats with `exponentBits` and `mantissaBits`, at the largest power of two that keeps `amax` in range; none with 8 exponent bits.
fn roundToFloat(v: vec4f, amax: vec4f, exponentBits: u32, mantissaBits: u32, truncates: bool) -> vec4f {
  let dropped = 23u - mantissaBits;
  if (exponentBits == 8u) {
    let cut = bitcast<vec4u>(v) & vec4u(0xffffffffu << dropped);
    return bitcast<vec4f>(select(roundMantissa(v, dropped), cut, truncates));
  }
  let bias = (1u << (exponentBits - 1u)) - 1u;
  let largest = ((127u + bias) << 23u) | ((0x7fffffu >> dropped) << dropped);
  var exponent: vec4i;
  for (var i = 0u; i < 4u; i++) {
    let seen = bitcast<u32>(amax[i]);
    exponent[i] = select(0, scaleExponent(seen, largest, 0u), isUsable(seen));
  }
  let scale = vec4f(powerOfTwo(exponent.x), powerOfTwo(exponent.y), powerOfTwo(exponent.z), powerOfTwo(exponent.w));
  let inverse = vec4f(powerOfTwo(-exponent.x), powerOfTwo(-exponent.y), powerOfTwo(-exponent.z), powerOfTwo(-exponent.w));
  return narrowed(v * scale, 128u - bias, dropped, largest, truncates) * inverse;
}

// The rounding of formats/simulated.wgsl with bits that are data.
fn narrowed(v: vec4f, leastNormal: u32, dropped: u32, largest: u32, truncates: bool) -> vec4f {
  let kept = min(magnitudeBits(v), vec4u(largest));
  let exponent = kept >> vec4u(23u);
  let significand = (kept & vec4u(0x7fffffu)) | vec4u(0x800000u);
  let shift = clamp(vec4u(leastNormal + dropped) - min(exponent, vec4u(leastNormal)), vec4u(dropped), vec4u(25u));
  let half = (vec4u(1u) << (shift - vec4u(1u))) - vec4u(1u);
  let nearest = significand + half + ((significand >> shift) & vec4u(1u));
  let steps = select(nearest, significand, truncates) >> shift;
  let step = bitcast<vec4f>((max(exponent, vec4u(leastNormal)) - vec4u(23u - dropped)) << vec4u(23u));
  return bitcast<vec4f>(bitcast<vec4u>(vec4f(steps) * step) | (bitcast<vec4u>(v) & vec4u(0x80000000u)));
}
