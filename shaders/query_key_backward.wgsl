// query_key_backward: turns the gradients of q and k as attention reads them into those of the projection's output, in place. v's are what they are.
// shapes:  dqkv, inp (B, T, H + 2 G, D); qGain, kGain (D); stats (B * T, H + G) f32 of query_key_forward; angles as in lib/rope.wgsl
// numerics: f32 between load and store; dqkv rounded once, as its format says
// dispatch: one lane for `pairs` vectors of each half of a head, which with `norm` are all, linear grid; lanes of v only count exponents
// source:  gradients of query_key_forward; reference/queryKey.ts (oracle)
@if(probe) import package::lib::exponents::countExponents;
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;
import package::lib::rope::{HALF4, Halves, rotatedBack};
import constants::HEAD4;

struct Params {
  lanes: u32,
  pairs: u32,  // as in query_key_forward
  context: u32,
  heads: u32,
  keyValueHeads: u32,
  site: u32,
}

@if(norm) @group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@if(norm)
fn gain(isQuery: bool, c: u32) -> vec4f {
  if (isQuery) {
    return qGain::load(c);
  }
  return kGain::load(c);
}

// The gradient of vectors c of both halves of a head before they were rotated.
fn gradient(at: u32, position: u32, c: u32) -> Halves {
  return rotatedBack(Halves(dqkv::load(at + c), dqkv::load(at + HALF4 + c)), position, c);
}

@compute @workgroup_size(64)
fn query_key_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let lane = linearGroup(group) * 64u + local;
  if (lane >= p.lanes) {
    return;
  }
  let heads = p.heads + 2u * p.keyValueHeads;
  let row = lane / (HALF4 / p.pairs);
  let token = row / heads;
  let head = row % heads;
  let first = lane % (HALF4 / p.pairs) * p.pairs;
  let at = row * HEAD4;
  if (head >= p.heads + p.keyValueHeads) {
    @if(probe) {
      for (var c = first; c < first + p.pairs; c++) {
        countExponents(dqkv::load(at + c));
        countExponents(dqkv::load(at + HALF4 + c));
      }
    }
    return;
  }
  let position = token % p.context;
  @if(norm) let rstd = stats[token * (p.heads + p.keyValueHeads) + head];
  @if(norm) let isQuery = head < p.heads;
  @if(norm) var products = vec4f();
  @if(norm) for (var c = 0u; c < p.pairs; c++) {
    let d = gradient(at, position, c);
    products = fma(d.low * gain(isQuery, c), inp::load(at + c) * rstd, products);
    products = fma(d.high * gain(isQuery, HALF4 + c), inp::load(at + HALF4 + c) * rstd, products);
  }
  @if(norm) let mean = dot(products, vec4f(1.0)) / f32(HEAD4 * 4u);
  var overflowed = false;
  for (var n = 0u; n < p.pairs; n++) {
    let c = first + n;
    var d = gradient(at, position, c);
    @if(norm) {
      d.low = (d.low * gain(isQuery, c) - inp::load(at + c) * rstd * mean) * rstd;
      d.high = (d.high * gain(isQuery, HALF4 + c) - inp::load(at + HALF4 + c) * rstd * mean) * rstd;
    }
    @if(probe) {
      countExponents(d.low);
      countExponents(d.high);
    }
    overflowed = dqkv::overflows(d.low) || dqkv::overflows(d.high) || overflowed;
    dqkv::store(at + c, d.low);
    dqkv::store(at + HALF4 + c, d.high);
  }
  reportOverflow(overflowed, p.site);
}
