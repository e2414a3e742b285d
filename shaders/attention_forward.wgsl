// attention_forward: causal softmax(q k^T / sqrt(D)) v in one pass; no T x T matrix exists.
// shapes:  qkv (B, T, 3, H, D); out (B, T, H, D); lse (B * H, T) f32, the log-sum-exp of each row's scores
// numerics: online softmax in f32; scores are masked with a finite value, never with infinity
// dispatch: x over T / LANES, y over B * H; one lane a query row
// source:  FlashAttention (Dao et al. 2022); reference/attention.ts (oracle)
import package::lib::attention_rows::{K, LOWEST, MAX_TRIPS, outRow, Q, qkvRow, shape, V};
import package::lib::found::reportOverflow;
@if(subgroups) import package::lib::share::{sharedIndex, sharedLane};
import constants::{HEAD4, LANES};
@if(subgroups) import constants::SHARE;
@if(subgroups) enable subgroups;

@group(0) @binding(2) var<storage, read_write> lse: array<f32>;

// Vectors of a row that each lane reads for the others.
@if(subgroups) const PARTS = (HEAD4 + SHARE - 1u) / SHARE;

@compute @workgroup_size(LANES)
fn attention_forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @if(subgroups) @builtin(subgroup_invocation_id) lane: u32,
) {
  let head = group.y;
  let row = group.x * LANES + local;
  let t = min(row, shape.context - 1u);
  let qAt = qkvRow(Q, head, t);
  var q: array<vec4f, HEAD4>;
  var o: array<vec4f, HEAD4>;
  for (var c = 0u; c < HEAD4; c++) {
    q[c] = qkv::load(qAt + c) * shape.scale;
  }
  var highest = LOWEST;
  var sum = 0.0;
  let end = min(shape.context, (group.x + 1u) * LANES);
  for (var j = 0u; j < MAX_TRIPS; j++) {
    if (j >= end) {
      break;
    }
    let kAt = qkvRow(K, head, j);
    let vAt = qkvRow(V, head, j);
    @if(subgroups) var kPart: array<vec4f, PARTS>;
    @if(subgroups) var vPart: array<vec4f, PARTS>;
    @if(subgroups) for (var i = 0u; i < PARTS; i++) {
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
    let score = select(LOWEST, dot(products, vec4f(1.0)), j <= t);
    let newHighest = max(highest, score);
    let keep = exp(highest - newHighest);
    let weight = exp(score - newHighest);
    highest = newHighest;
    sum = fma(sum, keep, weight);
    for (var c = 0u; c < HEAD4; c++) {
      @if(subgroups) let v = subgroupShuffle(vPart[c / SHARE], sharedLane(lane, c));
      @if(!subgroups) let v = qkv::load(vAt + c);
      o[c] = fma(vec4f(weight), v, o[c] * keep);
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
