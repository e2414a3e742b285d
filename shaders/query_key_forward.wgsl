// query_key_forward: q and k as attention reads them, rotated by RoPE with `rotate`. With `norm` each head is first divided by its root mean square and multiplied by a gain; qkv is then made from inp, with v, and else in place.
// shapes:  qkv, inp (B, T, H + 2 G, D); qGain, kGain (D); stats (B * T, H + G) f32: 1 / root mean square; angles as in lib/rope.wgsl; with `placed` position (1) u32, the place of the first row in its window
// numerics: f32 between load and store; qkv rounded once, as its format says
// dispatch: one lane for `pairs` vectors of each half of a head, which with `norm` are all, linear grid
// source:  RoPE (Su et al. 2021); QK-norm of Qwen 3; reference/queryKey.ts (oracle)
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;
import package::lib::rope::{HALF4, Halves, rotated};
import constants::HEAD4;

struct Params {
  lanes: u32,
  pairs: u32,  // not a constant: compilers would unroll the loops, and software adapters take seconds for that
  context: u32,
  heads: u32,
  keyValueHeads: u32,
  site: u32,
  @if(norm) epsilon: f32,
}

@if(norm) @group(0) @binding(2) var<storage, read_write> stats: array<f32>;
@if(placed) @group(0) @binding(3) var<storage, read> position: array<u32>;
@group(1) @binding(0) var<uniform> p: Params;

fn source(at: u32) -> vec4f {
  @if(norm) return inp::load(at);
  @if(!norm) return qkv::load(at);
}

@if(norm)
fn gain(isQuery: bool, c: u32) -> vec4f {
  if (isQuery) {
    return qGain::load(c);
  }
  return kGain::load(c);
}

@compute @workgroup_size(64)
fn query_key_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let lane = linearGroup(group) * 64u + local;
  if (lane >= p.lanes) {
    return;
  }
  let heads = p.heads + 2u * p.keyValueHeads;
  @if(norm) let taken = heads;
  @if(!norm) let taken = p.heads + p.keyValueHeads;
  let row = lane / (HALF4 / p.pairs);
  let token = row / taken;
  let head = row % taken;
  let first = lane % (HALF4 / p.pairs) * p.pairs;
  let at = (token * heads + head) * HEAD4;
  @if(!placed) let place = token % p.context;
  @if(placed) let place = position[0] + token % p.context;
  let isValue = head >= p.heads + p.keyValueHeads;
  @if(norm) var rstd = 0.0;
  @if(norm) {
    if (!isValue) {
      var squares = vec4f();
      for (var c = 0u; c < 2u * p.pairs; c++) {
        let x = source(at + c);
        squares = fma(x, x, squares);
      }
      rstd = inverseSqrt(dot(squares, vec4f(1.0)) / f32(HEAD4 * 4u) + p.epsilon);
      stats[token * (p.heads + p.keyValueHeads) + head] = rstd;
    }
  }
  var overflowed = false;
  for (var n = 0u; n < p.pairs; n++) {
    let c = first + n;
    var x = Halves(source(at + c), source(at + HALF4 + c));
    if (!isValue) {
      @if(norm) {
        x.low = x.low * rstd * gain(head < p.heads, c);
        x.high = x.high * rstd * gain(head < p.heads, HALF4 + c);
      }
      x = rotated(x, place, c);
    }
    overflowed = qkv::overflows(x.low) || qkv::overflows(x.high) || overflowed;
    qkv::store(at + c, x.low);
    qkv::store(at + HALF4 + c, x.high);
  }
  reportOverflow(overflowed, p.site);
}
