// fixed_squares: sums of the squares of the unscaled gradient in 64-bit integers, which their order does not change.
// shapes:  gradient (vectors) of four elements; partials (groups) f32 per chunk
// numerics: squares are rounded to the last bit of integers whose exponent follows from the largest element of the workgroup, and their sum to the nearest f32; with an element of 2^48 or more it is infinite; what is not finite is gradient_norm's to report, and counts as zero
// dispatch: `groups` workgroups, each over every groups-th 64 vectors; fixed_total finishes
// source:  own; reference/fixed.ts (oracle)
import package::lib::fixed::{addFixed, fixedOf, Fixed};
import package::lib::fixed_sum::{exponentFor, nearest, sumOfFour, totalOf};
import package::lib::round::{magnitudeBits, INFINITY_BITS};
import package::lib::step_state::StepState;

struct Params {
  vectors: u32,
  groups: u32,
  first: u32,     // index of the first sum
  headroom: u32,  // a workgroup has at most 2^headroom elements
}

@group(0) @binding(1) var<storage, read> state: StepState;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;
const TOO_LARGE = 0x57800000u;
const INFINITY = 0x7f800000u;

var<workgroup> largest: atomic<u32>;

fn unscaled(i: u32) -> vec4f {
  let g = gradient::load(i) * state.inverseScale;
  return select(g, vec4f(), magnitudeBits(g) >= INFINITY_BITS);
}

@compute @workgroup_size(WIDTH)
fn fixed_squares(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  for (var i = group.x * WIDTH + local; i < p.vectors; i += p.groups * WIDTH) {
    let bits = magnitudeBits(unscaled(i));
    atomicMax(&largest, max(max(bits.x, bits.y), max(bits.z, bits.w)));
  }
  workgroupBarrier();
  let most = atomicLoad(&largest);
  let root = bitcast<f32>(most);
  let exponent = exponentFor(bitcast<u32>(root * root), p.headroom);
  var sum = Fixed(vec4u(), vec4u());
  for (var i = group.x * WIDTH + local; i < p.vectors; i += p.groups * WIDTH) {
    let g = unscaled(i);
    sum = addFixed(sum, fixedOf(g * g, exponent));
  }
  let total = totalOf(sumOfFour(sum), local, WIDTH);
  if (local == 0u) {
    let squares = bitcast<u32>(nearest(total, exponent));
    partials[p.first + group.x] = bitcast<f32>(select(squares, INFINITY, most >= TOO_LARGE));
  }
}
