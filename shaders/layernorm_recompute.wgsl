// layernorm_recompute: out = (inp - mean) * rstd * weight + bias, to recompute what the forward pass did not keep.
// shapes:  inp, out (rows, C); weight (C); bias (C), if the norm has one; stats (rows) as (mean, rstd) f32
// numerics: same function, stored inputs and store as in layernorm_forward, so the bits are the same; overflow was checked there
// dispatch: one lane per vector, linear grid
// source:  recomputation of layer norm in llm.c (idea); reference/layernorm.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::layernorm::layernorm;

struct Params {
  vectors: u32,  // rows * C / 4
  c4: u32,
}

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
  let x = inp::load(i);
  @if(bias) out::store(i, layernorm(x, s.x, s.y, weight::load(column), bias::load(column)));
  @if(!bias) out::store(i, layernorm(x, s.x, s.y, weight::load(column), vec4f()));
}
