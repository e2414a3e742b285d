// attention_rows: where the rows of q, k, v and the attention output lie, and how lanes share the reading of a row.
// shapes:  qkv (B, T, 3, H, D) as it leaves c_attn; out (B, T, H, D); D = 4 * HEAD4
// numerics: none
// dispatch: none (library); a workgroup is LANES rows of one head
// source:  packed qkv of GPT-2's c_attn; row sharing by subgroup shuffles (research kernels 4.3)
import constants::{HEAD4};

struct AttentionShape {
  context: u32,
  heads: u32,
  scale: f32,  // 1 / sqrt(D)
  site: u32,
}

@group(1) @binding(0) var<uniform> shape: AttentionShape;

const LOWEST = -3.0e38;
const MAX_TRIPS = 0x1000000u;
const Q = 0u;
const K = 1u;
const V = 2u;

// First vector of row `t` of q, k or v for workgroup row `head` = b * H + h.
fn qkvRow(part: u32, head: u32, t: u32) -> u32 {
  let token = head / shape.heads * shape.context + t;
  return ((token * 3u + part) * shape.heads + head % shape.heads) * HEAD4;
}

// First vector of row `t` of the attention output.
fn outRow(head: u32, t: u32) -> u32 {
  let token = head / shape.heads * shape.context + t;
  return (token * shape.heads + head % shape.heads) * HEAD4;
}
