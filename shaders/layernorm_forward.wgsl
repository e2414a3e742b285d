// layernorm_forward: out = (inp - mean) * rstd * weight + bias. With `rms` it is RMSNorm, with a mean of 0.
// shapes:  inp, out (rows, C); weight (C); bias (C), if the norm has one; stats (rows) as (mean, rstd) f32
// numerics: f32 throughout; the variance is computed from differences to the mean
// dispatch: one workgroup per row, linear grid
// source:  layernorm_forward of llm.c (algorithm); reference/layernorm.ts and rmsnorm.ts (oracles)
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;
import package::lib::layernorm::layernorm;
import package::lib::reduce::workgroupSum;
import constants::LANES;
@if(subgroups) enable subgroups;

struct Params {
  rows: u32,
  c4: u32,
  epsilon: f32,
  site: u32,
}

@group(0) @binding(4) var<storage, read_write> stats: array<vec2f>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(LANES)
fn layernorm_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  // The grid may have surplus workgroups. They repeat the last row and store the same values again.
  let row = min(linearGroup(group), p.rows - 1u);
  let base = row * p.c4;
  let count = f32(p.c4 * 4u);
  @if(rms) let mean = 0.0;
  @if(!rms) var total = vec4f();
  @if(!rms) for (var i = local; i < p.c4; i += LANES) {
    total += inp::load(base + i);
  }
  @if(!rms) let mean = workgroupSum(dot(total, vec4f(1.0)), local) / count;
  var squares = vec4f();
  for (var i = local; i < p.c4; i += LANES) {
    let d = inp::load(base + i) - mean;
    squares = fma(d, d, squares);
  }
  let rstd = inverseSqrt(workgroupSum(dot(squares, vec4f(1.0)), local) / count + p.epsilon);
  var overflowed = false;
  for (var i = local; i < p.c4; i += LANES) {
    @if(bias) let value = layernorm(inp::load(base + i), mean, rstd, weight::load(i), bias::load(i));
    @if(!bias) let value = layernorm(inp::load(base + i), mean, rstd, weight::load(i), vec4f());
    overflowed = out::overflows(value) || overflowed;
    out::store(base + i, value);
  }
  if (local == 0u) {
    stats[row] = vec2f(mean, rstd);
  }
  reportOverflow(overflowed, p.site);
}
