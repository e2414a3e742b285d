// attention_rows: where the rows of q, k, v and the attention output lie, and which keys a query sees.
// shapes:  qkv (B, rows, H + 2 G, D) as it leaves c_attn, G key/value heads (with G = H: (B, T, 3, H, D)), T rows or with `cached` `keys`; out (B, T, H, D); D = 4 * HEAD4; windows as in lib/windows.wgsl
// numerics: none
// dispatch: none (library)
// source:  packed qkv of GPT-2's c_attn; grouped queries (Ainslie et al. 2023)
import constants::{HEAD4};
@if(windows) import package::lib::windows::{WINDOW_WORDS, windowAt, windows};
@if(subgroups) import constants::SHARE;

struct AttentionShape {
  context: u32,  // T, the queries of a window
  heads: u32,
  scale: f32,  // 1 / sqrt(D)
  site: u32,
  @if(grouped) keyValueHeads: u32,
  @if(cached) keys: u32,
  @if(capped) cap: f32,
  @if(dropout) stream: u32,  // tells the attentions of a model apart
  @if(dropout) dropped: u32,  // of 2^32, the share of probabilities that becomes zero
  @if(dropout) keptScale: f32,
}

@group(1) @binding(0) var<uniform> shape: AttentionShape;

const LOWEST = -3.0e38;
const MAX_TRIPS = 0x1000000u;
const Q = 0u;
const K = 1u;
const V = 2u;
// Vectors of a row that a lane loads for those it shares with.
@if(subgroups) const SHARES = (HEAD4 + SHARE - 1u) / SHARE;

// Rows of qkv a window.
fn keyCount() -> u32 {
  @if(cached) return shape.keys;
  @if(!cached) return shape.context;
}

// Row of qkv that is the first query of the window of workgroup row `head` = b * H + h.
fn firstQuery(head: u32) -> u32 {
  @if(cached) return windows[windowRow(head) + 2u];
  @if(!cached) return 0u;
}

// First vector of row `t` of q, k or v.
fn qkvRow(part: u32, head: u32, t: u32) -> u32 {
  let token = head / shape.heads * keyCount() + t;
  @if(!grouped) return ((token * 3u + part) * shape.heads + head % shape.heads) * HEAD4;
  @if(grouped) {
    let query = head % shape.heads;
    let keyValue = shape.heads + (part - 1u) * shape.keyValueHeads + query / (shape.heads / shape.keyValueHeads);
    return (token * (shape.heads + 2u * shape.keyValueHeads) + select(keyValue, query, part == Q)) * HEAD4;
  }
}

// First vector of row `t` of the attention output.
fn outRow(head: u32, t: u32) -> u32 {
  let token = head / shape.heads * shape.context + t;
  return (token * shape.heads + head % shape.heads) * HEAD4;
}

// First key that the query at row `position` of qkv sees. It never decreases from one query to the next.
fn firstKey(head: u32, position: u32) -> u32 {
  @if(documents) return windows[windowRow(head) + WINDOW_WORDS + position];
  @if(!documents) return 0u;
}

@if(windows)
fn windowRow(head: u32) -> u32 {
  return windowAt(head / shape.heads, keyCount());
}

// Query heads that share a key/value head.
fn queryHeads() -> u32 {
  @if(grouped) return shape.heads / shape.keyValueHeads;
  @if(!grouped) return 1u;
}

// b * H + h of one of the query heads that share the key/value head of workgroup row `keyValueHead` = b * G + g.
fn queryHead(keyValueHead: u32, member: u32) -> u32 {
  @if(grouped) return keyValueHead * queryHeads() + member;
  @if(!grouped) return keyValueHead;
}
