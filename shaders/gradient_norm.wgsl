// gradient_norm: checks that the gradient is finite, and computes partial sums of the squares of the unscaled gradient.
// shapes:  gradient, firstMoment, secondMoment (vectors) of four elements; partials (groups) f32 per chunk; momentsFull a flag
// numerics: the check reads the stored bits; the gradient is unscaled before it is squared, so that a large scale causes no overflow; with compound scaling, a gradient beyond `limit`, which could take a moment beyond its format, counts as not finite; with `zeroMask` what is not finite becomes zero; with `perTensor` a partial sum of -1 marks what is not finite, and nothing is reported
// dispatch: `groups` workgroups, each over every groups-th LANES vectors; step_decide finishes
// source:  global_norm of llm.c (algorithm), GradScaler's unscale_ (PyTorch), arXiv 2102.13565; reference/gradNorm.ts, reference/compound.ts (oracles)
import constants::LANES;
@if(!perTensor) import package::lib::found::reportOverflow;
@if(compoundScaling) import package::lib::moments::{inOtherUnits, loadMoments, nextMoments};
import package::lib::reduce::workgroupSum;
@if(zeroMask) import package::lib::round::{magnitudeBits, INFINITY_BITS};
import package::lib::step_state::StepState;

struct Params {
  vectors: u32,
  groups: u32,
  first: u32,  // index of the first partial sum
  @if(!perTensor) site: u32,
  @if(compoundScaling) limit: f32,
  @if(compoundScaling) growthInterval: u32,
  @if(compoundScaling) beta1: f32,
  @if(compoundScaling) oneMinusBeta1: f32,
  @if(compoundScaling) secondDecay: f32,
  @if(compoundScaling) secondShare: f32,
}

@group(0) @binding(1) var<storage, read> state: StepState;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@if(compoundScaling) @group(0) @binding(3) var<storage, read_write> momentsFull: atomic<u32>;
@group(1) @binding(0) var<uniform> p: Params;

// Moments that reach their format's largest value divided by this leave no room for a loss scale twice as large.
@if(compoundScaling) const MARGIN = 1.1;

@if(perTensor) var<workgroup> marked: atomic<u32>;

@compute @workgroup_size(LANES)
fn gradient_norm(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  var squares = vec4f();
  var bad = false;
  @if(compoundScaling) let mayGrow = state.growthTracker + 1u >= p.growthInterval;
  @if(compoundScaling) var full = false;
  for (var i = group.x * LANES + local; i < p.vectors; i += p.groups * LANES) {
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
    @if(compoundScaling) {
      let g = gradient::decode(codes);
      bad = bad || any(abs(g) > vec4f(p.limit));
      if (mayGrow) {
        let rates = vec4f(p.beta1, p.oneMinusBeta1, p.secondDecay, p.secondShare);
        let doubled = inOtherUnits(nextMoments(loadMoments(i, 0u, vec2f()), g, rates), 2.0);
        full = full || firstMoment::overflows(MARGIN * doubled.first) || secondMoment::overflows(MARGIN * doubled.second);
      }
    }
  }
  @if(compoundScaling) {
    if (full) {
      atomicStore(&momentsFull, 1u);
    }
  }
  @if(perTensor) {
    atomicOr(&marked, select(0u, 1u, bad));
  }
  let sum = workgroupSum(dot(squares, vec4f(1.0)), local);
  @if(perTensor) {
    if (local == 0u) {
      partials[p.first + group.x] = select(sum, -1.0, atomicLoad(&marked) == 1u);
    }
  }
  @if(!perTensor) {
    if (local == 0u) {
      partials[p.first + group.x] = sum;
    }
    reportOverflow(bad, p.site);
  }
}
