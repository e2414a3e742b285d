// rope: rotates pairs of channels of a head by angles that grow with the position.
// shapes:  a head has pairs (i, i + D / 2); x holds vectors c of both halves, four pairs; angles (T, D / 8, 2) vectors: their cosines and sines at each position; D = 4 * HEAD4
// numerics: f32; angles come from a table, since WGSL's cosines and sines of large angles are inaccurate
// dispatch: none (library)
// source:  RoFormer (Su et al. 2021), with the pairs of Hugging Face's Llama; reference/rope.ts (oracle)
import constants::HEAD4;

// Vectors of half a head.
const HALF4 = HEAD4 / 2u;

@if(rotate) @group(0) @binding(1) var<storage, read> angles: array<vec4f>;

struct Halves {
  low: vec4f,
  high: vec4f,
}

fn rotated(x: Halves, position: u32, c: u32) -> Halves {
  @if(!rotate) return x;
  @if(rotate) {
    let at = (position * HALF4 + c) * 2u;
    return Halves(x.low * angles[at] - x.high * angles[at + 1u], x.high * angles[at] + x.low * angles[at + 1u]);
  }
}

// By the negative angle: the gradient of `rotated`.
fn rotatedBack(x: Halves, position: u32, c: u32) -> Halves {
  @if(!rotate) return x;
  @if(rotate) {
    let at = (position * HALF4 + c) * 2u;
    return Halves(x.low * angles[at] + x.high * angles[at + 1u], x.high * angles[at] - x.low * angles[at + 1u]);
  }
}
