// dropout_backward: the gradient of what dropout read, from that of its result: the same elements are zero, and the others have the same factor. Also writes its rounded copy.
// shapes:  dout, dinp, rounded (B * T, C); windows as in lib/windows.wgsl
// numerics: one product in f32; the copy is rounded from the gradient as stored
// dispatch: one lane per vector, linear grid
// source:  own; reference/dropout.ts (oracle)
import package::lib::dropout::{Dropout, keptFactors};
@if(probe) import package::lib::exponents::countExponents;
import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;

struct Params {
  vectors: u32,
  c4: u32,
  context: u32,
  stream: u32,
  dropped: u32,
  keptScale: f32,
  site: u32,
}

@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn dropout_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  let factors = keptFactors(i / p.c4, i % p.c4, Dropout(p.c4, p.context, p.stream, p.dropped, p.keptScale));
  let value = dout::load(i) * factors;
  @if(probe && !roundedCopy) countExponents(value);
  let stored = dinp::store(i, value);
  var overflowed = dinp::overflows(value);
  @if(roundedCopy) {
    @if(probe) countExponents(stored);
    rounded::store(i, stored);
    overflowed = rounded::overflows(stored) || overflowed;
  }
  reportOverflow(overflowed, p.site);
}
