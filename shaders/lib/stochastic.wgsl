// stochastic: random bits with which the elements of a matrix of tokens are rounded.
// shapes:  one vector of four elements of a matrix (B * T, C)
// numerics: integers only, wrapping
// dispatch: none (library)
// source:  own; reference/blockScales.ts (oracle)
import package::lib::random::randomVector;
import package::lib::windows::{windowAt, windowSeed};

struct RowRandom {
  c4: u32,  // C / 4
  context: u32,  // T
  windows: u32,  // B
  stream: u32,  // tells the copies of a model apart
}

// Of vector i. They depend on the window's index in the step, and not on its row in a micro-batch. Rows beyond the last, with which a
// transform completes its blocks, count as rows of the last window.
fn roundingBits(i: u32, r: RowRandom) -> vec4u {
  let row = i / r.c4;
  let window = min(row / r.context, r.windows - 1u);
  let seed = windowSeed(windowAt(window, r.context), r.stream);
  return randomVector((row - window * r.context) * r.c4 + i % r.c4, seed);
}
