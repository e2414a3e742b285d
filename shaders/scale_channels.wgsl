// scale_channels: out = inp * factor of each channel, and with `residual` + residual: layer scale, forward and backward.
// shapes:  inp, residual, out (rows, C); factor (C)
// numerics: f32 between load and store
// dispatch: one lane per vector, linear grid
// source:  Touvron et al. 2021 (CaiT, arXiv 2103.17239); reference/model.ts (oracle)
@if(probe) import package::lib::exponents::countExponents;
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;

struct Params {
  vectors: u32,  // rows * C / 4
  c4: u32,
  site: u32,
}

@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn scale_channels(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  var value = inp::load(i) * factor::load(i % p.c4);
  @if(residual) value += residual::load(i);
  @if(probe) countExponents(value);
  out::store(i, value);
  reportOverflow(out::overflows(value), p.site);
}
