// attention_scores: what may happen to a score between q . k and the sum of values: soft-capping and dropout.
// shapes:  one score
// numerics: f32; tanh from exp(-2 |x|), which neither overflows nor cancels where its slope is asked for
// dispatch: none (library)
// source:  Gemma 2 (soft-capping); Srivastava et al. 2014 (dropout, inverted); reference/attention.ts (oracle)
import package::lib::attention_rows::shape;
@if(dropout) import package::lib::attention_rows::{keyCount, windowRow};
@if(dropout) import package::lib::random::randomBits;
@if(dropout) import package::lib::windows::windowSeed;

// cap * tanh(score / cap)
fn capped(score: f32) -> f32 {
  @if(!capped) return score;
  @if(capped) {
    let small = exp(-2.0 * abs(score) / shape.cap);
    return sign(score) * shape.cap * ((1.0 - small) / (1.0 + small));
  }
}

// Derivative of `capped` at a score before it was capped.
@if(capped)
fn capSlope(score: f32) -> f32 {
  let small = exp(-2.0 * abs(score) / shape.cap);
  return 4.0 * small / ((1.0 + small) * (1.0 + small));
}

// Seed of what is dropped of the probabilities of a query.
@if(dropout)
fn rowSeed(head: u32, position: u32) -> u32 {
  let seed = windowSeed(windowRow(head), shape.stream);
  return randomBits(head % shape.heads * keyCount() + position, seed);
}

// What the probability of a key is multiplied by: 0, or the inverse of the share that is kept.
@if(dropout)
fn kept(seed: u32, key: u32) -> f32 {
  return select(shape.keptScale, 0.0, randomBits(key, seed) < shape.dropped);
}
