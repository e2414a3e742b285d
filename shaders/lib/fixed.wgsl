// fixed: weights as 64-bit fixed-point integers, four at a time, low and high words apart.
// shapes:  an integer n stands for n 2^(exponent - 62); its magnitude stays below 2^63
// numerics: additions are exact and do not depend on their order; an f32 that is added rounds to nearest even at the last bit, and so does reading
// dispatch: none (library); integers only, so that every adapter has the same bits
// source:  own; reference/fixed.ts (oracle)

struct Fixed {
  low: vec4u,
  high: vec4u,
}

fn addFixed(a: Fixed, b: Fixed) -> Fixed {
  let low = a.low + b.low;
  return Fixed(low, a.high + b.high + select(vec4u(), vec4u(1u), low < a.low));
}

fn negateFixed(a: Fixed) -> Fixed {
  let low = ~a.low + vec4u(1u);
  return Fixed(low, ~a.high + select(vec4u(), vec4u(1u), low == vec4u()));
}

fn selectFixed(a: Fixed, b: Fixed, isB: vec4<bool>) -> Fixed {
  return Fixed(select(a.low, b.low, isB), select(a.high, b.high, isB));
}

// Finite values below 2^(exponent + 1).
fn fixedOf(v: vec4f, exponent: i32) -> Fixed {
  let bits = bitcast<vec4u>(v);
  let field = (bits >> vec4u(23u)) & vec4u(0xffu);
  let significand = (bits & vec4u(0x7fffffu)) | select(vec4u(0x800000u), vec4u(), field == vec4u());
  let shift = vec4i(max(field, vec4u(1u))) - vec4i(150 + exponent - 62);
  // To the left, in words: shifts of a word are below 32.
  let up = vec4u(clamp(shift, vec4i(), vec4i(39)));
  let within = up & vec4u(31u);
  let carried = select(significand >> (vec4u(32u) - max(within, vec4u(1u))), vec4u(), within == vec4u());
  let isFar = up >= vec4u(32u);
  let left = Fixed(
    select(significand << within, vec4u(), isFar),
    select(carried, significand << within, isFar),
  );
  // To the right, rounded to nearest even; 25 bits leave none.
  let down = vec4u(clamp(-shift, vec4i(1), vec4i(25)));
  let half = (vec4u(1u) << (down - vec4u(1u))) - vec4u(1u);
  let right = Fixed((significand + half + ((significand >> down) & vec4u(1u))) >> down, vec4u());
  let magnitude = selectFixed(left, right, shift < vec4i());
  return selectFixed(magnitude, negateFixed(magnitude), (bits & vec4u(0x80000000u)) != vec4u());
}

// The nearest f32, ties to even; no integer but 0 may stand for less than 2^-126.
fn floatOf(a: Fixed, exponent: i32) -> vec4f {
  let isNegative = (a.high & vec4u(0x80000000u)) != vec4u();
  let magnitude = selectFixed(a, negateFixed(a), isNegative);
  let isHigh = magnitude.high != vec4u();
  let zeros = select(vec4u(32u) + countLeadingZeros(magnitude.low), countLeadingZeros(magnitude.high), isHigh);
  // The leading one at bit 63: its upper word has 24 bits that stay, and 8 that round with the lower word.
  let by = zeros & vec4u(31u);
  let across = select(magnitude.low >> (vec4u(32u) - max(by, vec4u(1u))), vec4u(), by == vec4u());
  let high = select(magnitude.low << by, (magnitude.high << by) | across, zeros < vec4u(32u));
  let low = select(vec4u(), magnitude.low << by, zeros < vec4u(32u));
  let sticky = select(vec4u(), vec4u(1u), low != vec4u());
  let kept = high >> vec4u(8u);
  let rest = ((high & vec4u(0xffu)) << vec4u(1u)) | sticky;
  let up = select(vec4u(), vec4u(1u), (rest > vec4u(0x100u)) | ((rest == vec4u(0x100u)) & ((kept & vec4u(1u)) == vec4u(1u))));
  // The leading one adds 1 to the exponent, and so does a carry to 2^24.
  let below = vec4u(vec4i(127 + exponent) - vec4i(zeros));
  let bits = (below << vec4u(23u)) + kept + up;
  let signed = bits | select(vec4u(), vec4u(0x80000000u), isNegative);
  return bitcast<vec4f>(select(signed, vec4u(), (magnitude.low | magnitude.high) == vec4u()));
}
