// attention_forward: causal softmax(q k^T / sqrt(D)) v in one pass; no T x T matrix exists.
// shapes:  qkv, windows as lib/attention_rows.wgsl; out (B, T, H, D); lse (B * H, T) f32, the log-sum-exp of each row's scores
// numerics: online softmax in f32; scores are masked with a finite value, never with infinity
// dispatch: x over T / LANES, y over B * H; one lane a query row
// source:  FlashAttention (Dao et al. 2022); reference/attention.ts (oracle)
import package::lib::attention_rows::{firstKey, firstQuery, K, LOWEST, MAX_TRIPS, outRow, Q, qkvRow, shape, V};
import package::lib::attention_scores::capped;
@if(dropout) import package::lib::attention_scores::{kept, rowSeed};
@if(subgroups) import package::lib::attention_rows::SHARES;
import package::lib::found::reportOverflow;
@if(subgroups) import package::lib::share::{sharedIndex, sharedLane};
import constants::{HEAD4, LANES};
@if(subgroups) import constants::SHARE;
@if(subgroups) enable subgroups;

@group(0) @binding(2) var<storage, read_write> lse: array<f32>;

@compute @workgroup_size(LANES)
fn attention_forward(
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
  var q: array<vec4f, HEAD4>;
  var o: array<vec4f, HEAD4>;
  for (var c = 0u; c < HEAD4; c++) {
    q[c] = qkv::load(qAt + c) * shape.scale;
  }
  var highest = LOWEST;
  var sum = 0.0;
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
    var products = vec4f();
    for (var c = 0u; c < HEAD4; c++) {
      @if(subgroups) let k = subgroupShuffle(kPart[c / SHARE], sharedLane(lane, c));
      @if(!subgroups) let k = qkv::load(kAt + c);
      products = fma(q[c], k, products);
    }
    @if(!documents) let isVisible = j <= position;
    @if(documents) let isVisible = j <= position && j >= start;
    let score = select(LOWEST, capped(dot(products, vec4f(1.0))), isVisible);
    let newHighest = max(highest, score);
    let keep = exp(highest - newHighest);
    @if(!documents) let weight = exp(score - newHighest);
    // Before a row's first visible key the highest score is LOWEST, and a hidden one as high.
    @if(documents) let weight = select(0.0, exp(score - newHighest), isVisible);
    highest = newHighest;
    sum = fma(sum, keep, weight);
    @if(!dropout) let taken = weight;
    @if(dropout) let taken = weight * kept(seed, j);
    for (var c = 0u; c < HEAD4; c++) {
      @if(subgroups) let v = subgroupShuffle(vPart[c / SHARE], sharedLane(lane, c));
      @if(!subgroups) let v = qkv::load(vAt + c);
      o[c] = fma(vec4f(taken), v, o[c] * keep);
    }
  }
  var overflowed = false;
  if (row < shape.context) {
    let outAt = outRow(head, t);
    let inverse = 1.0 / sum;
    for (var c = 0u; c < HEAD4; c++) {
      let value = o[c] * inverse;
      overflowed = out::overflows(value) || overflowed;
      out::store(outAt + c, value);
    }
    lse[head * shape.context + t] = highest + log(sum);
  }
  reportOverflow(overflowed, shape.site);
}
