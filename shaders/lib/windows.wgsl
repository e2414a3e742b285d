// windows: what differs between the windows (sequences) of a batch, and the random numbers that belong to each.
// shapes:  windows (B, 3 + rows) u32: seed of the step, index of the window in the step, first query, and for each of the window's rows of qkv where its document starts
// numerics: integers only, wrapping
// dispatch: none (library)
// source:  own; windowWords in src/engine/kernels/attentionOptions.ts writes the words, reference/dropout.ts (oracle)
import package::lib::random::randomBits;

@group(0) @binding(5) var<storage, read> windows: array<u32>;

// Of a row of `windows`, before the starts of documents.
const WINDOW_WORDS = 3u;

// First word of window `window`, of `rows` rows.
fn windowAt(window: u32, rows: u32) -> u32 {
  return window * (WINDOW_WORDS + rows);
}

// Seed of what is dropped in a place of the model, which has a stream of its own. It depends on the window's index in the
// step, and not on its row in a micro-batch.
fn windowSeed(at: u32, stream: u32) -> u32 {
  return randomBits(windows[at + 1u], windows[at] ^ stream);
}
