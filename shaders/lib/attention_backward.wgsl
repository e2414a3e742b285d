// attention_backward: what the passes over queries and over keys share: what they read, P and dS of a pair, and the stores.
// shapes:  qkv, dqkv (B, T, H + 2 G, D); dout (B, T, H, D); lse (B * H, T) f32
// numerics: probabilities recomputed from lse in f32; dqkv rounded once, as its format says
// dispatch: none (library)
// source:  FlashAttention backward (Dao et al. 2022); reference/attention.ts (oracle)
import package::lib::attention_scores::capped;
@if(capped) import package::lib::attention_scores::capSlope;
@if(probe) import package::lib::exponents::countExponents;

@group(0) @binding(2) var<storage, read> lse: array<f32>;

// P and dS of one query and one key.
struct Pair {
  probability: f32,
  dscore: f32,
}

// From scaled q . k, the gradient of P, and lse and D of the query's row. A hidden key has P = 0.
fn pairOf(score: f32, dprobability: f32, rowLse: f32, rowDot: f32, isVisible: bool) -> Pair {
  let probability = select(0.0, exp(capped(score) - rowLse), isVisible);
  @if(!capped) return Pair(probability, probability * (dprobability - rowDot));
  @if(capped) return Pair(probability, probability * (dprobability - rowDot) * capSlope(score));
}

// Stores a vector of dqkv, and returns whether it overflowed.
fn storeGradient(at: u32, value: vec4f) -> bool {
  @if(probe) countExponents(value);
  dqkv::store(at, value);
  return dqkv::overflows(value);
}
