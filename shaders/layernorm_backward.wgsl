// layernorm_backward: adds the gradient with respect to the input to the residual gradient, and writes its rounded copy. With `rms` it is the gradient of RMSNorm: the mean in stats is the constant 0.
// shapes:  inp, dout, dinp, rounded (rows, C); weight (C); stats (rows) as (mean, rstd) f32
// numerics: f32 between load and store; the copy is rounded from the residual gradient as stored
// dispatch: one workgroup per row, linear grid; dinp += with `accumulate`, otherwise dinp =
// source:  layernorm_backward of llm.c (algorithm); reference/layernorm.ts and rmsnorm.ts (oracles)
@if(probe) import package::lib::exponents::countExponents;
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;
import package::lib::reduce::workgroupSum;
import constants::LANES;
@if(subgroups) enable subgroups;

struct Params {
  rows: u32,
  c4: u32,
  site: u32,
}

@group(0) @binding(3) var<storage, read> stats: array<vec2f>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn layernorm_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = linearGroup(group);
  // Surplus workgroups compute the last row, because barriers need uniform control flow, but they must not store: dinp += would add twice.
  let row = min(index, p.rows - 1u);
  let base = row * p.c4;
  let count = f32(p.c4 * 4u);
  let mean = stats[row].x;
  let rstd = stats[row].y;
  @if(!rms) var sumD = vec4f();
  var sumDx = vec4f();
  for (var i = local; i < p.c4; i += LANES) {
    let d = dout::load(base + i) * weight::load(i);
    @if(!rms) sumD += d;
    sumDx = fma(d, (inp::load(base + i) - mean) * rstd, sumDx);
  }
  @if(!rms) let meanD = workgroupSum(dot(sumD, vec4f(1.0)), local) / count;
  let meanDx = workgroupSum(dot(sumDx, vec4f(1.0)), local) / count;
  if (index >= p.rows) {
    return;
  }
  var overflowed = false;
  for (var i = local; i < p.c4; i += LANES) {
    let normalised = (inp::load(base + i) - mean) * rstd;
    let d = dout::load(base + i) * weight::load(i);
    @if(!rms) var value = (d - meanD - normalised * meanDx) * rstd;
    @if(rms) var value = (d - normalised * meanDx) * rstd;
    @if(accumulate) {
      value += dinp::load(base + i);
    }
    @if(probe && !roundedCopy) countExponents(value);
    let stored = dinp::store(base + i, value);
    overflowed = dinp::overflows(value) || overflowed;
    @if(roundedCopy) {
      @if(probe) countExponents(stored);
      rounded::store(base + i, stored);
      overflowed = rounded::overflows(stored) || overflowed;
    }
  }
  reportOverflow(overflowed, p.site);
}
