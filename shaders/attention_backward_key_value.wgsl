// attention_backward_key_value: gradients of k and v.
// shapes:  qkv, dqkv (B, T, 3, H, D), the k and v parts of dqkv are written; dout (B, T, H, D); lse, dots (B * H, T) f32
// numerics: probabilities recomputed from lse in f32; P and dS stay in registers
// dispatch: x over T / LANES, y over B * H; one lane a key row, after attention_backward_query
// source:  FlashAttention backward (Dao et al. 2022), without atomics; reference/attention.ts (oracle)
import package::lib::attention_backward::{lse, pairOf, storeGradient};
@if(subgroups) import package::lib::attention_backward::PARTS;
import package::lib::attention_rows::{K, MAX_TRIPS, outRow, Q, qkvRow, shape, V};
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
  let head = group.y;
  let row = group.x * LANES + local;
  let t = min(row, shape.context - 1u);
  let kAt = qkvRow(K, head, t);
  let vAt = qkvRow(V, head, t);
  var k: array<vec4f, HEAD4>;
  var v: array<vec4f, HEAD4>;
  var dk: array<vec4f, HEAD4>;
  var dv: array<vec4f, HEAD4>;
  for (var c = 0u; c < HEAD4; c++) {
    k[c] = qkv::load(kAt + c) * shape.scale;
    v[c] = qkv::load(vAt + c);
  }
  // Queries before the first key of this workgroup attend to none of its keys.
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    let i = group.x * LANES + trip;
    if (i >= shape.context) {
      break;
    }
    let qAt = qkvRow(Q, head, i);
    let outAt = outRow(head, i);
    @if(subgroups) var qPart: array<vec4f, PARTS>;
    @if(subgroups) var doutPart: array<vec4f, PARTS>;
    @if(subgroups) for (var n = 0u; n < PARTS; n++) {
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
    let pair = pairOf(scores, dprobabilities, lse[at], dots[at], i >= t);
    for (var c = 0u; c < HEAD4; c++) {
      dv[c] = fma(vec4f(pair.probability), doutRow[c], dv[c]);
      dk[c] = fma(vec4f(pair.dscore), q[c], dk[c]);
    }
  }
  var overflowed = false;
  if (row < shape.context) {
    for (var c = 0u; c < HEAD4; c++) {
      overflowed = storeGradient(kAt + c, dk[c] * shape.scale) || overflowed;
      overflowed = storeGradient(vAt + c, dv[c]) || overflowed;
    }
  }
  reportOverflow(overflowed, shape.site);
}
