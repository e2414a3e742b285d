// gradient_norm: checks that the gradient is finite, and computes partial sums of the squares of the unscaled gradient.
// shapes:  gradient (vectors) of four elements; partials (groups) f32 per chunk
// numerics: the check reads the stored bits; the gradient is unscaled before it is squared, so that a large scale causes no overflow; with `zeroMask` what is not finite becomes zero; with `perTensor` a partial sum of -1 marks what is not finite, and nothing is reported
// dispatch: `groups` workgroups, each over every groups-th 64 vectors; step_decide finishes
// source:  global_norm of llm.c (algorithm), GradScaler's unscale_ (PyTorch); reference/gradNorm.ts (oracle)
@if(!perTensor) import package::lib::found::reportOverflow;
@if(zeroMask) import package::lib::round::{magnitudeBits, INFINITY_BITS};
import package::lib::step_state::StepState;

struct Params {
  vectors: u32,
  groups: u32,
  first: u32,  // index of the first partial sum
  @if(!perTensor) site: u32,
}

@group(0) @binding(1) var<storage, read> state: StepState;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;

var<workgroup> part: array<f32, WIDTH>;
@if(perTensor) var<workgroup> marked: atomic<u32>;

@compute @workgroup_size(WIDTH)
fn gradient_norm(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  var squares = vec4f();
  var bad = false;
  for (var i = group.x * WIDTH + local; i < p.vectors; i += p.groups * WIDTH) {
    let codes = gradient::codes(i);
    let nonFinite = gradient::nonFinite(codes);
    @if(!zeroMask) {
      bad = bad || nonFinite;
    }
    var finite = select(gradient::decode(codes), vec4f(), nonFinite);
    @if(zeroMask) {
      if (nonFinite) {
        let values = gradient::decode(codes);
        finite = select(values, vec4f(), magnitudeBits(values) >= INFINITY_BITS);
        gradient::store(i, finite);
      }
    }
    let unscaled = finite * state.inverseScale;
    squares = fma(unscaled, unscaled, squares);
  }
  part[local] = dot(squares, vec4f(1.0));
  @if(perTensor) {
    atomicOr(&marked, select(0u, 1u, bad));
  }
  workgroupBarrier();
  for (var span = WIDTH / 2u; span > 0u; span >>= 1u) {
    if (local < span) {
      part[local] += part[local + span];
    }
    workgroupBarrier();
  }
  @if(perTensor) {
    if (local == 0u) {
      partials[p.first + group.x] = select(part[0], -1.0, atomicLoad(&marked) == 1u);
    }
  }
  @if(!perTensor) {
    if (local == 0u) {
      partials[p.first + group.x] = part[0];
    }
    reportOverflow(bad, p.site);
  }
}
