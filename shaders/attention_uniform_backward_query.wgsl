// attention_uniform_backward_query: gradient of q, for GPUs: each lane has a query, or a part of one, and all read the same keys.
// shapes:  qkv, windows as lib/attention_rows.wgsl; the q part of dqkv is written; dout (B, T, H, D); lse, dots (B * H, T) f32
// numerics: probabilities recomputed from lse in f32; P and dS stay in registers
// dispatch: x over T / ROWS, y over B * H; PARTS groups of ROWS lanes have a part of D each, after attention_dots
// source:  FlashAttention backward (Dao et al. 2022), without atomics; reference/attention.ts (oracle)
import package::lib::attention_backward::{lse, pairOf, storeGradient};
import package::lib::attention_parts::{partOf, PART4, sumOfParts};
import package::lib::attention_rows::{firstKey, firstQuery, K, MAX_TRIPS, outRow, Q, qkvRow, shape, V};
@if(dropout) import package::lib::attention_scores::{kept, rowSeed};
import package::lib::found::reportOverflow;
import constants::{KEYS, LANES, ROWS, SUMS};
@if(subgroups) enable subgroups;

@group(0) @binding(4) var<storage, read> dots: array<f32>;

@compute @workgroup_size(LANES)
fn attention_uniform_backward_query(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let head = group.y;
  // The rows with the most keys come first, so that no workgroup starts late with much to do.
  let first = ((shape.context - 1u) / ROWS - group.x) * ROWS;
  let row = first + local % ROWS;
  let part = partOf(local);
  let t = min(row, shape.context - 1u);
  let position = firstQuery(head) + t;
  @if(documents) let start = firstKey(head, position);
  @if(dropout) let seed = rowSeed(head, position);
  let qAt = qkvRow(Q, head, position) + part;
  let outAt = outRow(head, t) + part;
  var q: array<vec4f, PART4>;
  var doutRow: array<vec4f, PART4>;
  var dq: array<vec4f, PART4>;
  for (var c = 0u; c < PART4; c++) {
    q[c] = qkv::load(qAt + c) * shape.scale;
    doutRow[c] = dout::load(outAt + c);
  }
  let rowLse = lse[head * shape.context + t];
  let rowDot = dots[head * shape.context + t];
  let begin = firstKey(head, firstQuery(head) + first);
  let end = firstQuery(head) + min(shape.context, first + ROWS);
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    let j = begin + trip * KEYS;
    if (j >= end) {
      break;
    }
    var sums: array<f32, SUMS>;
    for (var n = 0u; n < KEYS; n++) {
      let kAt = qkvRow(K, head, min(j + n, end - 1u)) + part;
      let vAt = qkvRow(V, head, min(j + n, end - 1u)) + part;
      var scores = vec4f();
      var dprobabilities = vec4f();
      for (var c = 0u; c < PART4; c++) {
        scores = fma(q[c], qkv::load(kAt + c), scores);
        dprobabilities = fma(doutRow[c], qkv::load(vAt + c), dprobabilities);
      }
      sums[n] = dot(scores, vec4f(1.0));
      sums[KEYS + n] = dot(dprobabilities, vec4f(1.0));
    }
    sumOfParts(&sums, local, trip);
    for (var n = 0u; n < KEYS; n++) {
      @if(!documents) let isVisible = j + n <= position;
      @if(documents) let isVisible = j + n <= position && j + n >= start;
      @if(!dropout) let dprobability = sums[KEYS + n];
      @if(dropout) let dprobability = sums[KEYS + n] * kept(seed, j + n);
      let pair = pairOf(sums[n], dprobability, rowLse, rowDot, isVisible);
      let kAt = qkvRow(K, head, min(j + n, end - 1u)) + part;
      for (var c = 0u; c < PART4; c++) {
        dq[c] = fma(vec4f(pair.dscore), qkv::load(kAt + c), dq[c]);
      }
    }
  }
  var overflowed = false;
  if (row < shape.context) {
    for (var c = 0u; c < PART4; c++) {
      overflowed = storeGradient(qAt + c, dq[c] * shape.scale) || overflowed;
    }
  }
  reportOverflow(overflowed, shape.site);
}
