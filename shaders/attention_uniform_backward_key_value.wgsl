// attention_uniform_backward_key_value: gradients of k with `keys` and of v with `values`, for GPUs: each lane has a key, or a part of one, and all read the same queries.
// shapes:  qkv, windows as lib/attention_rows.wgsl; with `keys` the k part of dqkv is written, with `values` the v part; dout (B, T, H, D); lse, dots (B * H, T) f32
// numerics: probabilities recomputed from lse in f32; P and dS stay in registers
// dispatch: x over rows of qkv / ROWS, y over B * G; PARTS groups of ROWS lanes have a part of D each, after attention_dots
// source:  FlashAttention backward (Dao et al. 2022), without atomics; reference/attention.ts (oracle)
import package::lib::attention_backward::{lse, pairOf, storeGradient};
import package::lib::attention_parts::{partOf, PART4, sumOfParts};
import package::lib::attention_rows::{firstKey, firstQuery, K, keyCount, MAX_TRIPS, outRow, Q, queryHead, queryHeads, qkvRow, shape, V};
@if(dropout) import package::lib::attention_scores::{kept, rowSeed};
import package::lib::found::reportOverflow;
import constants::{KEYS, LANES, ROWS, SUMS};
@if(subgroups) enable subgroups;

@if(keys) @group(0) @binding(4) var<storage, read> dots: array<f32>;

@compute @workgroup_size(LANES)
fn attention_uniform_backward_key_value(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = group.x * ROWS;
  let row = first + local % ROWS;
  let part = partOf(local);
  let key = min(row, keyCount() - 1u);
  let kAt = qkvRow(K, queryHead(group.y, 0u), key) + part;
  let vAt = qkvRow(V, queryHead(group.y, 0u), key) + part;
  var k: array<vec4f, PART4>;
  @if(keys) var v: array<vec4f, PART4>;
  @if(keys) var dk: array<vec4f, PART4>;
  @if(values) var dv: array<vec4f, PART4>;
  for (var c = 0u; c < PART4; c++) {
    k[c] = qkv::load(kAt + c) * shape.scale;
    @if(keys) {
      v[c] = qkv::load(vAt + c);
    }
  }
  var trip = 0u;
  for (var member = 0u; member < queryHeads(); member++) {
    let head = queryHead(group.y, member);
    // Queries before the first key of this workgroup attend to none of its keys.
    let begin = max(first, firstQuery(head)) - firstQuery(head);
    for (var block = 0u; block < MAX_TRIPS; block++) {
      let i = begin + block * KEYS;
      if (i >= shape.context) {
        break;
      }
      @if(documents) {
        if (firstKey(head, firstQuery(head) + i) >= first + ROWS) {
          break;
        }
      }
      var sums: array<f32, SUMS>;
      for (var n = 0u; n < KEYS; n++) {
        let t = min(i + n, shape.context - 1u);
        let qAt = qkvRow(Q, head, firstQuery(head) + t) + part;
        let outAt = outRow(head, t) + part;
        var scores = vec4f();
        @if(keys) var dprobabilities = vec4f();
        for (var c = 0u; c < PART4; c++) {
          scores = fma(k[c], qkv::load(qAt + c), scores);
          @if(keys) {
            dprobabilities = fma(dout::load(outAt + c), v[c], dprobabilities);
          }
        }
        sums[n] = dot(scores, vec4f(1.0));
        @if(keys) {
          sums[KEYS + n] = dot(dprobabilities, vec4f(1.0));
        }
      }
      sumOfParts(&sums, local, trip);
      trip++;
      for (var n = 0u; n < KEYS; n++) {
        let t = min(i + n, shape.context - 1u);
        let position = firstQuery(head) + t;
        let at = head * shape.context + t;
        @if(!documents) let isVisible = i + n < shape.context && key <= position;
        @if(documents) let isVisible = i + n < shape.context && key <= position && key >= firstKey(head, position);
        @if(dropout) let factor = kept(rowSeed(head, position), key);
        @if(keys && !dropout) let dprobability = sums[KEYS + n];
        @if(keys && dropout) let dprobability = sums[KEYS + n] * factor;
        @if(keys) let pair = pairOf(sums[n], dprobability, lse[at], dots[at], isVisible);
        @if(!keys) let pair = pairOf(sums[n], 0.0, lse[at], 0.0, isVisible);
        let qAt = qkvRow(Q, head, position) + part;
        let outAt = outRow(head, t) + part;
        @if(!dropout) let taken = pair.probability;
        @if(dropout) let taken = pair.probability * factor;
        for (var c = 0u; c < PART4; c++) {
          @if(values) {
            dv[c] = fma(vec4f(taken), dout::load(outAt + c), dv[c]);
          }
          @if(keys) {
            dk[c] = fma(vec4f(pair.dscore), qkv::load(qAt + c), dk[c]);
          }
        }
      }
    }
  }
  var overflowed = false;
  if (row < keyCount()) {
    for (var c = 0u; c < PART4; c++) {
      @if(keys) {
        overflowed = storeGradient(kAt + c, dk[c] * shape.scale) || overflowed;
      }
      @if(values) {
        overflowed = storeGradient(vAt + c, dv[c]) || overflowed;
      }
    }
  }
  reportOverflow(overflowed, shape.site);
}
