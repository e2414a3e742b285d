// fixed_total: the sum of all sums of fixed_squares, in place of the first.
// shapes:  partials (count) f32, none negative
// numerics: integers whose exponent follows from the largest; infinite if one is
// dispatch: one workgroup, before step_decide, which then reads one sum
// source:  own; reference/fixed.ts (oracle)
import package::lib::fixed::fixedOf;
import package::lib::fixed_sum::{addWords, exponentFor, nearest, totalOf};

struct Params {
  count: u32,
  headroom: u32,  // count is at most 2^headroom
}

@group(0) @binding(0) var<storage, read_write> partials: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 256u;
const INFINITY = 0x7f800000u;

var<workgroup> largest: atomic<u32>;

@compute @workgroup_size(WIDTH)
fn fixed_total(@builtin(local_invocation_index) local: u32) {
  for (var i = local; i < p.count; i += WIDTH) {
    atomicMax(&largest, bitcast<u32>(partials[i]));
  }
  workgroupBarrier();
  let most = atomicLoad(&largest);
  let exponent = exponentFor(most, p.headroom);
  var own = vec2u();
  for (var i = local; i < p.count; i += WIDTH) {
    let fixed = fixedOf(vec4f(partials[i], 0.0, 0.0, 0.0), exponent);
    own = addWords(own, vec2u(fixed.low.x, fixed.high.x));
  }
  let total = totalOf(own, local, WIDTH);
  if (local == 0u) {
    partials[0] = bitcast<f32>(select(bitcast<u32>(nearest(total, exponent)), INFINITY, most >= INFINITY));
  }
}
