// gated_forward: out = activation function of the gate * up, the product of a gated MLP.
// shapes:  preActivation (rows, 2 I): gate, then up; out (rows, I)
// numerics: f32 between load and store; the backward pass runs it again for a product that was not kept and gets the same bits, without `checked`, since the forward pass has checked them
// dispatch: one lane per vector of out, linear grid
// source:  Shazeer 2020 (GLU variants, arXiv 2002.05202); reference/gated.ts (oracle)
import activation_function::activation;
@if(checked) import package::lib::found::reportOverflow;
import package::lib::grid::linearGroup;
@if(scaled) import package::lib::tensor_scale::TensorScale;

struct Params {
  vectors: u32,  // rows * I / 4
  n4: u32,       // I / 4
  @if(checked) site: u32,
  @if(scaled) record: u32,
}

@if(scaled) @group(0) @binding(2) var<storage, read> scales: array<TensorScale>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn gated_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  let gateAt = i + i / p.n4 * p.n4;
  @if(!scaled) let gate = preActivation::load(gateAt);
  @if(!scaled) let up = preActivation::load(gateAt + p.n4);
  @if(scaled) let inverse = scales[p.record].inverse;
  @if(scaled) let gate = preActivation::load(gateAt) * inverse;
  @if(scaled) let up = preActivation::load(gateAt + p.n4) * inverse;
  let value = activation(gate) * up;
  out::store(i, value);
  @if(checked) reportOverflow(out::overflows(value), p.site);
}
