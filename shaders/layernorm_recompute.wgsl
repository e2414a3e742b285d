// layernorm_recompute: out = (inp - mean) * rstd * weight + bias, for what the forward pass did not keep.
// shapes:  inp, out (rows, C); weight, bias (C), bias where the norm has one; stats (rows) as (mean, rstd) f32
// numerics: the function, the inputs as stored and the store of layernorm_forward, so that the bits are those it wrote; no overflow check, it had one
// dispatch: one lane a vector, linear grid
// source:  recomputation of layer norm in llm.c (idea); reference/layernorm.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::group_scale::ungrouped;
import package::lib::layernorm::layernorm;
import inp_format::{Elem4 as ElemInp, decode as decodeInp};
import weight_format::{Elem4 as ElemWeight, decode as decodeWeight};
import out_format::{Elem4 as ElemOut, encode as encodeOut};

struct Params {
  vectors: u32,  // rows * C / 4
  c4: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<ElemInp>;
@group(0) @binding(1) var<storage, read> weight: array<ElemWeight>;
@if(bias) @group(0) @binding(2) var<storage, read> bias: array<ElemWeight>;
@group(0) @binding(3) var<storage, read_write> out: array<ElemOut>;
@group(0) @binding(4) var<storage, read> stats: array<vec2f>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn layernorm_recompute(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  let s = stats[i / p.c4];
  let column = i % p.c4;
  let x = ungrouped(decodeInp(inp[i]), i);
  @if(bias) out[i] = encodeOut(layernorm(x, s.x, s.y, decodeWeight(weight[column]), decodeWeight(bias[column])));
  @if(!bias) out[i] = encodeOut(layernorm(x, s.x, s.y, decodeWeight(weight[column]), vec4f()));
}
