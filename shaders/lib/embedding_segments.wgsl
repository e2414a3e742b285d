// embedding_segments: what both stages of the token embedding's gradient read: the rows of a batch sorted by token, cut into segments.
// shapes:  tokens (B*T) u32; starts (Vp + 1), positions (B*T) u32: rows of dout sorted by token
// numerics: none
// dispatch: none (library)
// source:  segmented sum
struct Segments {
  vectors: u32,     // segments * C / 4
  c4: u32,
  rows: u32,        // B * T
  segment: u32,     // positions of a segment; the last may have fewer
  firstToken: u32,
  tokens: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> starts: array<u32>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(1) @binding(0) var<uniform> p: Segments;
