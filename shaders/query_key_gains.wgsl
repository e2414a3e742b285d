// query_key_gains: partial sums of the gradients of QK-norm's gains, over heads and tokens.
// shapes:  dqkv as attention left it, inp (B, T, H + 2 G, D); stats (rows, H + G) f32 of query_key_forward; partials (2, blocks, D) f32: of q, then of k; angles as in lib/rope.wgsl
// numerics: f32 sums in the order of tokens, and of heads in each
// dispatch: x over blocks and vectors of half a head, one lane each, y over q and k; before query_key_backward; reduce_partials finishes
// source:  gradients of query_key_forward; reference/queryKey.ts (oracle)
import package::lib::rope::{HALF4, Halves, rotatedBack};
import constants::HEAD4;

struct Params {
  rows: u32,
  context: u32,
  heads: u32,
  keyValueHeads: u32,
  blocks: u32,
}

@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn query_key_gains(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let lane = group.x * 64u + local;
  let block = lane / HALF4;
  let c = lane % HALF4;
  if (block >= p.blocks) {
    return;
  }
  let isKey = group.y == 1u;
  let own = select(p.heads, p.keyValueHeads, isKey);
  let firstHead = select(0u, p.heads, isKey);
  let count = p.rows * own;
  let step = (count + p.blocks - 1u) / p.blocks;
  let end = min((block + 1u) * step, count);
  var low = vec4f();
  var high = vec4f();
  for (var i = block * step; i < end; i++) {
    let token = i / own;
    let head = firstHead + i % own;
    let at = (token * (p.heads + 2u * p.keyValueHeads) + head) * HEAD4 + c;
    let rstd = stats[token * (p.heads + p.keyValueHeads) + head];
    let d = rotatedBack(Halves(dqkv::load(at), dqkv::load(at + HALF4)), token % p.context, c);
    low = fma(d.low, inp::load(at) * rstd, low);
    high = fma(d.high, inp::load(at + HALF4) * rstd, high);
  }
  let to = (group.y * p.blocks + block) * HEAD4 + c;
  partials[to] = low;
  partials[to + HALF4] = high;
}
