// logit_sharpness: the largest rise of each row's loss if every logit may change by up to epsilon (|logit| + 1).
// shapes:  logits (rows, Vp) f32 in slices as for cross_entropy; targets (rows) u32; out (rows) of vec4f: 100 rise / (1 + loss) at epsilon, the same at 2 epsilon, largest |logit|, loss
// numerics: f32; the rise is log(1 + sum p (e^d - 1)) - d_target; expm1 and log1p use series where a difference from 1 would cancel; padded logits are masked
// dispatch: one workgroup per row, linear grid
// source:  phi of Keskar et al. 2017, whose maximum over the box is at a corner in closed form; reference/sharpness.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::logit_rows::{columns, max4, rowOrigin, LOWEST};
import package::lib::reduce::{workgroupMax, workgroupSum};
import constants::LANES;
@if(subgroups) enable subgroups;

struct Params {
  rows: u32,
  v4: u32,          // Vp / 4
  slice4: u32,      // columns of a slice / 4; the last slice may have fewer
  vocabulary: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<vec4f>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;
@group(1) @binding(0) var<uniform> p: Params;

// e^d - 1: five terms are exact to 2^-23 of the result up to 1/8.
fn expm1(d: vec4f) -> vec4f {
  let series = d * (1.0 + d * (0.5 + d * (1.0 / 6.0 + d * (1.0 / 24.0 + d * (1.0 / 120.0)))));
  return select(exp(d) - 1.0, series, abs(d) < vec4f(0.125));
}

// log(1 + s) as 2 atanh(s / (2 + s)): four terms are exact to 2^-23 of the result up to 1/4.
fn log1p(s: f32) -> f32 {
  let z = s / (2.0 + s);
  let z2 = z * z;
  let series = 2.0 * z * (1.0 + z2 * (1.0 / 3.0 + z2 * (1.0 / 5.0 + z2 * (1.0 / 7.0))));
  return select(log(1.0 + s), series, abs(s) < 0.25);
}

fn add4(v: vec4f) -> f32 {
  return dot(v, vec4f(1.0));
}

@compute @workgroup_size(LANES)
fn logit_sharpness(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  // Surplus workgroups repeat the last row and store the same values again.
  let row = min(linearGroup(group), p.rows - 1u);
  let goal = targets[row];
  var largest = vec4f(LOWEST);
  var magnitudes = vec4f();
  for (var first = 0u; first < p.v4; first += p.slice4) {
    let origin = rowOrigin(row, first, p.rows, p.slice4, p.v4);
    for (var i = first + local; i < min(first + p.slice4, p.v4); i += LANES) {
      let real = columns(i) < vec4u(p.vocabulary);
      let x = logits[origin + i];
      largest = max(largest, select(vec4f(LOWEST), x, real));
      magnitudes = max(magnitudes, select(vec4f(), abs(x), real));
    }
  }
  let highest = workgroupMax(max4(largest), local);
  let magnitude = workgroupMax(max4(magnitudes), local);
  var total = vec4f();
  var rise = vec4f();
  var riseTwice = vec4f();
  for (var first = 0u; first < p.v4; first += p.slice4) {
    let origin = rowOrigin(row, first, p.rows, p.slice4, p.v4);
    for (var i = first + local; i < min(first + p.slice4, p.v4); i += LANES) {
      let real = columns(i) < vec4u(p.vocabulary);
      let x = select(vec4f(), logits[origin + i], real);
      let weight = select(vec4f(), exp(x - highest), real);
      // The loss rises most if the target's logit decreases and all others increase.
      let up = select(vec4f(p.epsilon), vec4f(-p.epsilon), columns(i) == vec4u(goal)) * (abs(x) + 1.0);
      total += weight;
      rise += weight * expm1(up);
      riseTwice += weight * expm1(2.0 * up);
    }
  }
  let sum = workgroupSum(add4(total), local);
  let sumRise = workgroupSum(add4(rise), local);
  let sumTwice = workgroupSum(add4(riseTwice), local);
  if (local == 0u) {
    let goal4 = goal / 4u;
    let x = logits[rowOrigin(row, goal4 - goal4 % p.slice4, p.rows, p.slice4, p.v4) + goal4][goal % 4u];
    let loss = log(sum) + highest - x;
    let down = p.epsilon * (abs(x) + 1.0);
    let scale = 100.0 / (1.0 + loss);
    out[row] = vec4f(scale * (log1p(sumRise / sum) + down), scale * (log1p(sumTwice / sum) + 2.0 * down), magnitude, loss);
  }
}
