// cross_entropy: softmax, loss of each row and, with `backward`, dlogits = (p - onehot) / tokens * loss scale. With `zLoss` the gradient is that of loss + z (log Z)^2, Z the sum of exp(logit); the loss that is stored stays the cross entropy, and log Z is stored beside it. With `softCap` dlogits are those of the logits before they were capped.
// shapes:  logits (rows, Vp) f32 and dlogits, zero in padded columns, each as slices of the vocabulary (rows, up to 4 slice4) one after the other; targets (rows) u32; losses and, with `zLoss`, logZ (rows) f32
// numerics: f32; each lane sums under the largest logit that it has met, and rescales its sum where that rises, so that logits are read twice and not three times; sums in the same order for any slice4 that is a multiple of LANES; the scale is applied last, a power of two, so it never rounds before the store
// dispatch: one workgroup a row, linear grid
// source:  Milakov and Gimelshein 2018 (arXiv 1805.02867), fused_classifier of llm.c (idea); reference/crossEntropy.ts (oracle)
@if(probe) import package::lib::exponents::countExponentsWhere;
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;
import package::lib::logit_rows::{columns, max4, rowOrigin, LOWEST};
import package::lib::reduce::{workgroupMax, workgroupSum};
@if(backward) import package::lib::step_state::StepState;
import constants::LANES;
@if(subgroups) enable subgroups;

struct Params {
  rows: u32,
  v4: u32,              // Vp / 4
  slice4: u32,          // columns of a slice / 4; the last may have fewer
  vocabulary: u32,
  site: u32,
  @if(backward) inverseTokens: f32,   // 1 / (B * T * accumulation)
  @if(zLoss) twiceZ: f32,
  @if(softCap) inverseCap: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec4f>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@if(backward) @group(0) @binding(4) var<storage, read> state: StepState;
@if(zLoss) @group(0) @binding(5) var<storage, read_write> logZ: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

fn maskedLogits(origin: u32, i: u32) -> vec4f {
  return select(vec4f(LOWEST), logits[origin + i], columns(i) < vec4u(p.vocabulary));
}

@compute @workgroup_size(LANES)
fn cross_entropy(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  // Surplus workgroups repeat the last row and store the same values again.
  let row = min(linearGroup(group), p.rows - 1u);
  let goal = targets[row];
  var largest = LOWEST;
  var total = vec4f();
  for (var first = 0u; first < p.v4; first += p.slice4) {
    let origin = rowOrigin(row, first, p.rows, p.slice4, p.v4);
    for (var i = first + local; i < min(first + p.slice4, p.v4); i += LANES) {
      let x = maskedLogits(origin, i);
      let next = max(largest, max4(x));
      if (next > largest) {
        total *= exp(largest - next);
        largest = next;
      }
      total += exp(x - largest);
    }
  }
  let highest = workgroupMax(largest, local);
  // A lane that has met padded columns only has summed ones: this makes them zeros.
  let sum = workgroupSum(dot(total, vec4f(1.0)) * exp(largest - highest), local);
  var overflowed = false;
  if (local == 0u) {
    let goal4 = goal / 4u;
    let origin = rowOrigin(row, goal4 - goal4 % p.slice4, p.rows, p.slice4, p.v4);
    let loss = vec4f(log(sum) + highest - logits[origin + goal4][goal % 4u]);
    losses[row] = loss.x;
    @if(zLoss) logZ[row] = log(sum) + highest;
    overflowed = any((bitcast<vec4u>(loss) & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
  }
  @if(backward) {
    let inverseSum = 1.0 / sum;
    @if(zLoss) let share = 1.0 + p.twiceZ * (log(sum) + highest);
    for (var first = 0u; first < p.v4; first += p.slice4) {
      let origin = rowOrigin(row, first, p.rows, p.slice4, p.v4);
      for (var i = first + local; i < min(first + p.slice4, p.v4); i += LANES) {
        let x = maskedLogits(origin, i);
        let probability = exp(x - highest) * inverseSum;
        let onehot = select(vec4f(), vec4f(1.0), columns(i) == vec4u(goal));
        @if(!zLoss) let slope = probability - onehot;
        @if(zLoss) let slope = probability * share - onehot;
        @if(!softCap) let gradient = slope;
        @if(softCap) let ofCap = x * p.inverseCap;
        @if(softCap) let gradient = slope * (1.0 - ofCap * ofCap);
        let unscaled = select(vec4f(), gradient * p.inverseTokens, columns(i) < vec4u(p.vocabulary));
        let value = unscaled * state.lossScale;
        // Padded columns are no gradients, and surplus workgroups must not count the last row again.
        @if(probe) countExponentsWhere(value, (columns(i) < vec4u(p.vocabulary)) & vec4<bool>(linearGroup(group) < p.rows));
        dlogits::store(origin + i, value);
        overflowed = dlogits::overflows(value) || overflowed;
      }
    }
  }
  reportOverflow(overflowed, p.site);
}
