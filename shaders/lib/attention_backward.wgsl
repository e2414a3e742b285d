// attention_backward: what the passes over queries and over keys share: what they read, P and dS of a pair, and the stores.
// shapes:  qkv, dqkv (B, T, 3, H, D); dout (B, T, H, D); lse (B * H, T) f32
// numerics: probabilities recomputed from lse in f32; dqkv rounded once, as its format says
// dispatch: none (library)
// source:  FlashAttention backward (Dao et al. 2022); reference/attention.ts (oracle)
@if(probe) import package::lib::exponents::countExponents;
@if(subgroups) import constants::{HEAD4, SHARE};

@group(0) @binding(2) var<storage, read> lse: array<f32>;

// Vectors of a row that a lane loads for those it shares with.
@if(subgroups) const PARTS = (HEAD4 + SHARE - 1u) / SHARE;

// P and dS of one query and one key.
struct Pair {
  probability: f32,
  dscore: f32,
}

// From the products of scaled q with k and of dout with v, and lse and D of the query's row. A hidden key has P = 0.
fn pairOf(scores: vec4f, dprobabilities: vec4f, rowLse: f32, rowDot: f32, isVisible: bool) -> Pair {
  let probability = select(0.0, exp(dot(scores, vec4f(1.0)) - rowLse), isVisible);
  return Pair(probability, probability * (dot(dprobabilities, vec4f(1.0)) - rowDot));
}

// Stores a vector of dqkv, and returns whether it overflowed.
fn storeGradient(at: u32, value: vec4f) -> bool {
  @if(probe) countExponents(value);
  dqkv::store(at, value);
  return dqkv::overflows(value);
}
