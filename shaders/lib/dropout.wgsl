// dropout: which elements of a tensor (B * T, C) a training pass sets to zero.
// shapes:  one vector of four elements
// numerics: integer comparison of random bits with the rate; the factor of kept elements is f32
// dispatch: none (library)
// source:  Srivastava et al. 2014 (dropout, inverted); reference/dropout.ts (oracle)
import package::lib::random::randomVector;
import package::lib::windows::{windowAt, windowSeed};

struct Dropout {
  c4: u32,  // C / 4
  context: u32,  // T
  stream: u32,  // tells the places of a model apart
  dropped: u32,  // of 2^32, the share of elements that becomes zero
  keptScale: f32,
}

// What the vector is multiplied by: 0, or the inverse of the share that is kept.
fn keptFactors(row: u32, column4: u32, d: Dropout) -> vec4f {
  let seed = windowSeed(windowAt(row / d.context, d.context), d.stream);
  let bits = randomVector(row % d.context * d.c4 + column4, seed);
  return select(vec4f(d.keptScale), vec4f(), bits < vec4u(d.dropped));
}
