// attention_backward_query: gradient of q, and D = sum(out * dout) of each row for the pass over keys. With `windows` attention_dots makes D.
// shapes:  qkv, windows as lib/attention_rows.wgsl; the q part of dqkv is written; out, dout (B, T, H, D); lse, dots (B * H, T) f32
// numerics: probabilities recomputed from lse in f32; P and dS stay in registers
// dispatch: x over T / LANES, y over B * H; one lane a query row
// source:  FlashAttention backward (Dao et al. 2022), without atomics; reference/attention.ts (oracle)
import package::lib::attention_backward::{lse, pairOf, storeGradient};
import package::lib::attention_rows::{firstKey, firstQuery, K, MAX_TRIPS, outRow, Q, qkvRow, shape, V};
@if(dropout) import package::lib::attention_scores::{kept, rowSeed};
@if(subgroups) import package::lib::attention_rows::SHARES;
import package::lib::found::reportOverflow;
@if(subgroups) import package::lib::share::{sharedIndex, sharedLane};
import constants::{HEAD4, LANES};
@if(subgroups) import constants::SHARE;
@if(subgroups) enable subgroups;

@if(!windows) @group(0) @binding(4) var<storage, read_write> dots: array<f32>;
// With `windows` there is no binding left for out.
@if(windows) @group(0) @binding(4) var<storage, read> dots: array<f32>;

@compute @workgroup_size(LANES)
fn attention_backward_query(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @if(subgroups) @builtin(subgroup_invocation_id) lane: u32,
) {
  let head = group.y;
  let row = group.x * LANES + local;
  let t = min(row, shape.context - 1u);
  let position = firstQuery(head) + t;
  @if(documents) let start = firstKey(head, position);
  @if(dropout) let seed = rowSeed(head, position);
  let qAt = qkvRow(Q, head, position);
  let outAt = outRow(head, t);
  var q: array<vec4f, HEAD4>;
  var doutRow: array<vec4f, HEAD4>;
  var dq: array<vec4f, HEAD4>;
  @if(!windows) var doutDots = vec4f();
  for (var c = 0u; c < HEAD4; c++) {
    q[c] = qkv::load(qAt + c) * shape.scale;
    doutRow[c] = dout::load(outAt + c);
    @if(!windows) {
      doutDots = fma(out::load(outAt + c), doutRow[c], doutDots);
    }
  }
  @if(!windows) let doutDot = dot(doutDots, vec4f(1.0));
  @if(windows) let doutDot = dots[head * shape.context + t];
  let rowLse = lse[head * shape.context + t];
  let end = firstQuery(head) + min(shape.context, (group.x + 1u) * LANES);
  for (var j = firstKey(head, firstQuery(head) + group.x * LANES); j < MAX_TRIPS; j++) {
    if (j >= end) {
      break;
    }
    let kAt = qkvRow(K, head, j);
    let vAt = qkvRow(V, head, j);
    @if(subgroups) var kPart: array<vec4f, SHARES>;
    @if(subgroups) var vPart: array<vec4f, SHARES>;
    @if(subgroups) for (var i = 0u; i < SHARES; i++) {
      let c = min(sharedIndex(lane) + i * SHARE, HEAD4 - 1u);
      kPart[i] = qkv::load(kAt + c);
      vPart[i] = qkv::load(vAt + c);
    }
    var scores = vec4f();
    var dprobabilities = vec4f();
    var k: array<vec4f, HEAD4>;
    for (var c = 0u; c < HEAD4; c++) {
      @if(subgroups) k[c] = subgroupShuffle(kPart[c / SHARE], sharedLane(lane, c));
      @if(!subgroups) k[c] = qkv::load(kAt + c);
      @if(subgroups) let v = subgroupShuffle(vPart[c / SHARE], sharedLane(lane, c));
      @if(!subgroups) let v = qkv::load(vAt + c);
      scores = fma(q[c], k[c], scores);
      dprobabilities = fma(doutRow[c], v, dprobabilities);
    }
    @if(!documents) let isVisible = j <= position;
    @if(documents) let isVisible = j <= position && j >= start;
    @if(!dropout) let dprobability = dot(dprobabilities, vec4f(1.0));
    @if(dropout) let dprobability = dot(dprobabilities, vec4f(1.0)) * kept(seed, j);
    let pair = pairOf(dot(scores, vec4f(1.0)), dprobability, rowLse, doutDot, isVisible);
    for (var c = 0u; c < HEAD4; c++) {
      dq[c] = fma(vec4f(pair.dscore), k[c], dq[c]);
    }
  }
  var overflowed = false;
  if (row < shape.context) {
    for (var c = 0u; c < HEAD4; c++) {
      overflowed = storeGradient(qAt + c, dq[c] * shape.scale) || overflowed;
    }
    @if(!windows) {
      dots[head * shape.context + t] = doutDot;
    }
  }
  reportOverflow(overflowed, shape.site);
}
