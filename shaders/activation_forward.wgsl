// activation_forward: out = activation function of preActivation, to recompute what the forward pass did not keep.
// shapes:  preActivation, out (vectors) of four elements
// numerics: same function, stored input and store as in matmul_epilogue, so the bits are the same; overflow was checked there
// dispatch: one lane per vector, linear grid
// source:  recomputation of GELU in llm.c (idea); reference/gelu.ts and relu2.ts (oracles)
import activation_function::activation;
import package::lib::grid::linearGroup;
@if(scaled) import package::lib::tensor_scale::TensorScale;

struct Params {
  vectors: u32,
  @if(scaled) record: u32,
}

@if(scaled) @group(0) @binding(2) var<storage, read> scales: array<TensorScale>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn activation_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i < p.vectors) {
    @if(!scaled) let x = preActivation::load(i);
    @if(scaled) let x = preActivation::load(i) * scales[p.record].inverse;
    out::store(i, activation(x));
  }
}
