// attention_backward_key_value: gradients of k and v.
// shapes:  qkv, windows as lib/attention_rows.wgsl; the k and v parts of dqkv are written; dout (B, T, H, D); lse, dots (B * H, T) f32
// numerics: probabilities recomputed from lse in f32; P and dS stay in registers
// dispatch: x over rows of qkv / LANES, y over B * G; one lane a key row, after attention_backward_query
// source:  FlashAttention backward (Dao et al. 2022), without atomics; reference/attention.ts (oracle)
import package::lib::attention_backward::{lse, pairOf, storeGradient};
import package::lib::attention_rows::{firstKey, firstQuery, K, keyCount, MAX_TRIPS, outRow, Q, qkvRow, queryHead, queryHeads, shape, V};
@if(dropout) import package::lib::attention_scores::{kept, rowSeed};
@if(subgroups) import package::lib::attention_rows::SHARES;
import package::lib::found::reportOverflow;
@if(subgroups) import package::lib::share::{sharedIndex, sharedLane};
import constants::{HEAD4, LANES};
@if(subgroups) import constants::SHARE;
@if(subgroups) enable subgroups;

@group(0) @binding(4) var<storage, read> dots: array<f32>;

@compute @workgroup_size(LANES)
fn attention_backward_key_value(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @if(subgroups) @builtin(subgroup_invocation_id) lane: u32,
) {
  let row = group.x * LANES + local;
  let key = min(row, keyCount() - 1u);
  let kAt = qkvRow(K, queryHead(group.y, 0u), key);
  let vAt = qkvRow(V, queryHead(group.y, 0u), key);
  var k: array<vec4f, HEAD4>;
  var v: array<vec4f, HEAD4>;
  var dk: array<vec4f, HEAD4>;
  var dv: array<vec4f, HEAD4>;
  for (var c = 0u; c < HEAD4; c++) {
    k[c] = qkv::load(kAt + c) * shape.scale;
    v[c] = qkv::load(vAt + c);
  }
  for (var member = 0u; member < queryHeads(); member++) {
    let head = queryHead(group.y, member);
    let begin = max(group.x * LANES, firstQuery(head)) - firstQuery(head);
    // Queries before the first key of this workgroup attend to none of its keys.
    for (var trip = 0u; trip < MAX_TRIPS; trip++) {
      let i = begin + trip;
      if (i >= shape.context) {
        break;
      }
      let position = firstQuery(head) + i;
      @if(documents) let start = firstKey(head, position);
      @if(documents) {
        if (start >= (group.x + 1u) * LANES) {
          break;
        }
      }
      let qAt = qkvRow(Q, head, position);
      let outAt = outRow(head, i);
      @if(subgroups) var qPart: array<vec4f, SHARES>;
      @if(subgroups) var doutPart: array<vec4f, SHARES>;
      @if(subgroups) for (var n = 0u; n < SHARES; n++) {
        let c = min(sharedIndex(lane) + n * SHARE, HEAD4 - 1u);
        qPart[n] = qkv::load(qAt + c);
        doutPart[n] = dout::load(outAt + c);
      }
      var scores = vec4f();
      var dprobabilities = vec4f();
      var q: array<vec4f, HEAD4>;
      var doutRow: array<vec4f, HEAD4>;
      for (var c = 0u; c < HEAD4; c++) {
        @if(subgroups) q[c] = subgroupShuffle(qPart[c / SHARE], sharedLane(lane, c));
        @if(subgroups) doutRow[c] = subgroupShuffle(doutPart[c / SHARE], sharedLane(lane, c));
        @if(!subgroups) q[c] = qkv::load(qAt + c);
        @if(!subgroups) doutRow[c] = dout::load(outAt + c);
        scores = fma(k[c], q[c], scores);
        dprobabilities = fma(doutRow[c], v[c], dprobabilities);
      }
      let at = head * shape.context + i;
      @if(!documents) let isVisible = key <= position;
      @if(documents) let isVisible = key <= position && key >= start;
      @if(dropout) let factor = kept(rowSeed(head, position), key);
      @if(!dropout) let dprobability = dot(dprobabilities, vec4f(1.0));
      @if(dropout) let dprobability = dot(dprobabilities, vec4f(1.0)) * factor;
      let pair = pairOf(dot(scores, vec4f(1.0)), dprobability, lse[at], dots[at], isVisible);
      @if(!dropout) let taken = pair.probability;
      @if(dropout) let taken = pair.probability * factor;
      for (var c = 0u; c < HEAD4; c++) {
        dv[c] = fma(vec4f(taken), doutRow[c], dv[c]);
        dk[c] = fma(vec4f(pair.dscore), q[c], dk[c]);
      }
    }
  }
  var overflowed = false;
  if (row < keyCount()) {
    for (var c = 0u; c < HEAD4; c++) {
      overflowed = storeGradient(kAt + c, dk[c] * shape.scale) || overflowed;
      overflowed = storeGradient(vAt + c, dv[c]) || overflowed;
    }
  }
  reportOverflow(overflowed, shape.site);
}
