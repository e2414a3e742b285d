// attention_uniform_forward: causal softmax(scale q k^T) v, for GPUs: each lane has a query, or a part of one, and all read the same keys.
// shapes:  qkv, windows as lib/attention_rows.wgsl; out (B, T, H, D); lse (B * H, T) f32, the log-sum-exp of each row's scores
// numerics: online softmax in f32, rescaled once for KEYS keys; scores are masked with a finite value, never with infinity
// dispatch: x over T / ROWS, y over B * H; PARTS groups of ROWS lanes have a part of D each
// source:  FlashAttention (Dao et al. 2022); reference/attention.ts (oracle)
import package::lib::attention_parts::{partOf, PART4, sumOfParts};
import package::lib::attention_rows::{firstKey, firstQuery, K, keyCount, LOWEST, MAX_TRIPS, outRow, Q, qkvRow, shape, V};
import package::lib::attention_scores::capped;
@if(dropout) import package::lib::attention_scores::{kept, rowSeed};
import package::lib::found::reportOverflow;
import constants::{KEYS, LANES, ROWS, SUMS};
@if(subgroups) enable subgroups;

@group(0) @binding(2) var<storage, read_write> lse: array<f32>;

@compute @workgroup_size(LANES)
fn attention_uniform_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
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
  var q: array<vec4f, PART4>;
  var o: array<vec4f, PART4>;
  for (var c = 0u; c < PART4; c++) {
    q[c] = qkv::load(qAt + c) * shape.scale;
  }
  var highest = LOWEST;
  var sum = 0.0;
  let begin = firstKey(head, firstQuery(head) + first);
  let end = firstQuery(head) + min(shape.context, first + ROWS);
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    let j = begin + trip * KEYS;
    if (j >= end) {
      break;
    }
    var scores: array<f32, SUMS>;
    for (var n = 0u; n < KEYS; n++) {
      let kAt = qkvRow(K, head, min(j + n, end - 1u)) + part;
      var products = vec4f();
      for (var c = 0u; c < PART4; c++) {
        products = fma(q[c], qkv::load(kAt + c), products);
      }
      scores[n] = dot(products, vec4f(1.0));
    }
    sumOfParts(&scores, local, trip);
    var newHighest = highest;
    for (var n = 0u; n < KEYS; n++) {
      @if(!documents) let isVisible = j + n <= position;
      @if(documents) let isVisible = j + n <= position && j + n >= start;
      scores[n] = select(LOWEST, capped(scores[n]), isVisible);
      newHighest = max(newHighest, scores[n]);
    }
    let keep = exp(highest - newHighest);
    highest = newHighest;
    sum *= keep;
    for (var c = 0u; c < PART4; c++) {
      o[c] *= keep;
    }
    for (var n = 0u; n < KEYS; n++) {
      let vAt = qkvRow(V, head, min(j + n, end - 1u)) + part;
      @if(!documents) let weight = exp(scores[n] - highest);
      // Before a row's first visible key `highest` is LOWEST, and the difference of a hidden score from it is 0.
      @if(documents) let weight = select(0.0, exp(scores[n] - highest), scores[n] > LOWEST);
      sum += weight;
      @if(!dropout) let taken = weight;
      @if(dropout) let taken = weight * kept(seed, j + n);
      for (var c = 0u; c < PART4; c++) {
        o[c] = fma(vec4f(taken), qkv::load(vAt + c), o[c]);
      }
    }
  }
  var overflowed = false;
  if (row < shape.context) {
    let outAt = outRow(head, t) + part;
    let inverse = 1.0 / sum;
    for (var c = 0u; c < PART4; c++) {
      let value = o[c] * inverse;
      overflowed = out::overflows(value) || overflowed;
      out::store(outAt + c, value);
    }
    if (part == 0u) {
      lse[head * shape.context + t] = highest + log(sum);
    }
  }
  reportOverflow(overflowed, shape.site);
}
