// attention_cached: attention of a few queries over the keys and values in the cache of their window.
// shapes:  qkv (T, H + 2 G, D) as lib/attention_rows.wgsl, of which only queries are read; cache (window, 2 G, D); out (T, H, D); position (1) u32, the place of the first query in the window
// numerics: online softmax in f32 over every LANES-th key, whose sums are then added over the lanes: a row's result does not depend on the other rows of the pass
// dispatch: x over T, y over H; one workgroup a query and head
// source:  Flash-Decoding (Dao et al. 2023; keys split, sums rescaled and added); reference/attention.ts (oracle)
import package::lib::attention_rows::{LOWEST, MAX_TRIPS, outRow, Q, qkvRow, shape};
import package::lib::attention_scores::capped;
import package::lib::found::reportOverflow;
import package::lib::reduce::{workgroupMax, workgroupSum};
import constants::{HEAD4, LANES};
@if(subgroups) enable subgroups;

@group(0) @binding(1) var<storage, read> position: array<u32>;

@compute @workgroup_size(LANES)
fn attention_cached(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.x;
  let head = group.y;
  @if(grouped) let keyValueHeads = shape.keyValueHeads;
  @if(!grouped) let keyValueHeads = shape.heads;
  let keys4 = keyValueHeads * HEAD4;
  let firstVector = head / (shape.heads / keyValueHeads) * HEAD4;
  let qAt = qkvRow(Q, head, row);
  var q: array<vec4f, HEAD4>;
  var o: array<vec4f, HEAD4>;
  for (var c = 0u; c < HEAD4; c++) {
    q[c] = qkv::load(qAt + c) * shape.scale;
  }
  let end = position[0] + row + 1u;
  var highest = LOWEST;
  var sum = 0.0;
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    let j = trip * LANES + local;
    if (j >= end) {
      break;
    }
    let kAt = j * 2u * keys4 + firstVector;
    let vAt = kAt + keys4;
    var products = vec4f();
    for (var c = 0u; c < HEAD4; c++) {
      products = fma(q[c], cache::load(kAt + c), products);
    }
    let score = capped(dot(products, vec4f(1.0)));
    let newHighest = max(highest, score);
    let keep = exp(highest - newHighest);
    let weight = exp(score - newHighest);
    highest = newHighest;
    sum = fma(sum, keep, weight);
    for (var c = 0u; c < HEAD4; c++) {
      o[c] = fma(vec4f(weight), cache::load(vAt + c), o[c] * keep);
    }
  }
  // A lane without a key has a sum of 0 under LOWEST.
  let share = exp(highest - workgroupMax(highest, local));
  let inverse = 1.0 / workgroupSum(sum * share, local);
  let outAt = outRow(head, row);
  var overflowed = false;
  for (var c = 0u; c < HEAD4; c++) {
    let own = o[c] * share;
    let value = inverse * vec4f(
      workgroupSum(own.x, local),
      workgroupSum(own.y, local),
      workgroupSum(own.z, local),
      workgroupSum(own.w, local),
    );
    if (local == 0u) {
      overflowed = out::overflows(value) || overflowed;
      out::store(outAt + c, value);
    }
  }
  reportOverflow(overflowed, shape.site);
}
