// activation_forward: out = activation function of preActivation, for what the forward pass did not keep.
// shapes:  preActivation, out (vectors) of four elements
// numerics: the function, the input as stored and the store of matmul_epilogue, so that the bits are those it wrote; no overflow check, it had one
// dispatch: one lane a vector, linear grid
// source:  recomputation of GELU in llm.c (idea); those of reference/ (oracle)
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
