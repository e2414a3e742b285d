// convert_format: converts a tensor to another format.
// shapes:  inp, out, low (vectors) of four elements
// numerics: with `scaled`, inp is read at its tensor scale; rounded to the format of out; or split into out (bf16) and low (16 bits), which keeps every bit
// dispatch: one lane per vector, linear grid
// source:  conversion of master weights to compute weights; reference/rounding.ts (oracle)
import package::lib::grid::linearGroup;
@if(split) import package::lib::round::packHalves;
@if(split) import package::lib::split::splitHalves;
@if(scaled) import package::lib::tensor_scale::TensorScale;

struct Params {
  vectors: u32,
  @if(scaled) record: u32,
}

@if(split) @group(0) @binding(2) var<storage, read_write> low: array<vec2u>;
@if(scaled) @group(0) @binding(3) var<storage, read> scales: array<TensorScale>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn convert_format(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  @if(!scaled) let value = inp::load(i);
  @if(scaled) let value = inp::load(i) * scales[p.record].inverse;
  @if(!split) {
    out::store(i, value);
  }
  @if(split) {
    let halves = splitHalves(value);
    out::storeCodes(i, packHalves(halves.high));
    low[i] = packHalves(halves.low);
  }
}
