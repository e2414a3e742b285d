// moments: loads, updates and stores AdamW's m and v, or hAdam's h in place of v.
// shapes:  firstMoment (m), secondMoment (v) (vectors) of four elements; groups (vectors / 32) as (largest m, k of m, largest v, k of v)
// numerics: rounded to nearest; rounded stochastically; multiplied by a scale of the parameter, v with a floor; or expanded in groups of 128 elements
// dispatch: none (library); all 64 lanes of a workgroup must call storeGroupedMoments, for 64 consecutive vectors that are two whole groups
// source:  precision/optimStates.ts has the combinations; hAdam (arXiv 2102.13565); reference/moments.ts (oracle)
@if(groupedMoments) import package::lib::expand::{contract, expand, expansionOf, magnitudesOf};
@if(scaledMoments && !f32Scales) import package::lib::parameter_state::inverseScales;
@if(scaledMoments && f32Scales) import package::lib::parameter_state::inverseF32Scales as inverseScales;
@if(scaledMoments) import package::lib::round::{magnitudeBits, INFINITY_BITS, QUIET_NAN};

struct Moments {
  first: vec4f,
  second: vec4f,
}

@if(groupedMoments) @group(0) @binding(6) var<storage, read_write> groups: array<vec4f>;

// Vectors in a group.
const GROUP = 32u;
const FINITE_MAX = 0x1.fffffep127f;
@if(hypotMoments) const LEAST_NORMAL = 0x1p-126f;
// The smallest code of e5m2.
@if(flooredMoments) const FLOOR = 0x1p-16f;

@if(groupedMoments) var<workgroup> extremes: array<vec4f, 64>;

// Rates are (beta1, 1 - beta1, beta2, 1 - beta2), and for h (beta1, 1 - beta1, sqrt(beta2), 1 - beta1).
@if(!hypotMoments)
fn nextMoments(before: Moments, g: vec4f, rates: vec4f) -> Moments {
  return Moments(rates.x * before.first + rates.y * g, rates.z * before.second + rates.w * g * g);
}

@if(hypotMoments)
fn nextMoments(before: Moments, g: vec4f, rates: vec4f) -> Moments {
  return Moments(rates.x * before.first + rates.y * g, hypotenuse(rates.w * abs(g), rates.z * before.second));
}

// sqrt(a^2 + b^2) without a square that overflows or underflows, for a and b that are not negative.
@if(hypotMoments)
fn hypotenuse(a: vec4f, b: vec4f) -> vec4f {
  let longer = max(a, b);
  let ratio = min(a, b) / max(longer, vec4f(LEAST_NORMAL));
  return longer * sqrt(fma(ratio, ratio, vec4f(1.0)));
}

// The moments in units of another loss scale, which is `change` times this one; v is in squared units.
@if(compoundScaling)
fn inOtherUnits(moments: Moments, change: f32) -> Moments {
  @if(hypotMoments) {
    return Moments(moments.first * change, moments.second * change);
  }
  @if(!hypotMoments) {
    return Moments(moments.first * change, moments.second * (change * change));
  }
}

// `group` is the index of the vector's group; `scales` are the scales with which the moments were stored.
fn loadMoments(i: u32, group: u32, scales: vec2f) -> Moments {
  var moments = Moments(firstMoment::load(i), secondMoment::load(i));
  @if(scaledMoments) {
    let inverse = inverseScales(scales);
    moments = Moments(moments.first * inverse.x, moments.second * inverse.y);
  }
  @if(groupedMoments) {
    let record = groups[group];
    moments = Moments(
      contract(moments.first, record.x, record.y),
      contract(moments.second, record.z, record.w),
    );
  }
  return moments;
}

// m uses the lower halves of the random bits, v the upper halves.
@if(!groupedMoments)
fn storeMoments(i: u32, moments: Moments, scales: vec2f, random: vec4u) {
  @if(stochasticMoments) {
    firstMoment::storeCodes(i, firstMoment::encodeStochastic(moments.first, random));
    secondMoment::storeCodes(i, secondMoment::encodeStochastic(moments.second, random >> vec4u(16u)));
  }
  @if(scaledMoments) {
    firstMoment::store(i, scaled(moments.first, scales.x));
    @if(!flooredMoments) {
      secondMoment::store(i, scaled(moments.second, scales.y));
    }
    @if(flooredMoments) {
      let second = scaled(moments.second, scales.y);
      secondMoment::store(i, select(second, vec4f(FLOOR), (moments.second > vec4f()) & (second < vec4f(FLOOR))));
    }
  }
  @if(!stochasticMoments && !scaledMoments) {
    firstMoment::store(i, moments.first);
    secondMoment::store(i, moments.second);
  }
}

// Non-finite values become NaN, because a format that saturates would hide infinity.
@if(scaledMoments)
fn scaled(value: vec4f, scale: f32) -> vec4f {
  let bits = bitcast<vec4u>(value * scale);
  return bitcast<vec4f>(select(bits, QUIET_NAN, magnitudeBits(value) >= INFINITY_BITS));
}

@if(groupedMoments)
fn storeGroupedMoments(i: u32, group: u32, local: u32, moments: Moments) {
  let first = magnitudesOf(moments.first);
  let second = magnitudesOf(moments.second);
  extremes[local] = vec4f(largestOf(first), smallestOf(first), largestOf(second), smallestOf(second));
  workgroupBarrier();
  let lane = local % GROUP;
  for (var span = GROUP / 2u; span > 0u; span >>= 1u) {
    if (lane < span) {
      let a = extremes[local];
      let b = extremes[local + span];
      extremes[local] = vec4f(max(a.x, b.x), min(a.y, b.y), max(a.z, b.z), min(a.w, b.w));
    }
    workgroupBarrier();
  }
  let all = extremes[local - lane];
  let record = vec4f(all.x, expansionOf(all.x, min(all.x, all.y)), all.z, expansionOf(all.z, min(all.z, all.w)));
  firstMoment::store(i, expand(moments.first, record.x, record.y));
  secondMoment::store(i, expand(moments.second, record.z, record.w));
  if (lane == 0u) {
    groups[group] = record;
  }
}

@if(groupedMoments)
fn largestOf(four: vec4f) -> f32 {
  return max(max(four.x, four.y), max(four.z, four.w));
}

// The smallest of the values that are not zero; FINITE_MAX if all are zero.
@if(groupedMoments)
fn smallestOf(four: vec4f) -> f32 {
  let nonzero = select(four, vec4f(FINITE_MAX), four == vec4f());
  return min(min(nonzero.x, nonzero.y), min(nonzero.z, nonzero.w));
}
