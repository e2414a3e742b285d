// convert_format: the same values in another format.
// shapes:  inp, out, low (vectors) of four elements
// numerics: rounded as the format of out says; or split into out (bf16) and low (16 bits), which keeps every bit
// dispatch: one lane a vector, linear grid
// source:  master weights to compute weights; reference/rounding.ts (oracle)
import package::lib::grid::linearGroup;
@if(split) import package::lib::round::packHalves;
@if(split) import package::lib::split::splitHalves;
import inp_format::{Elem4 as ElemInp, decode as decodeInp};
import out_format::{Elem4 as ElemOut};
@if(!split) import out_format::{encode as encodeOut};

struct Params {
  vectors: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<ElemInp>;
@group(0) @binding(1) var<storage, read_write> out: array<ElemOut>;
@if(split) @group(0) @binding(2) var<storage, read_write> low: array<vec2u>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn convert_format(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i >= p.vectors) {
    return;
  }
  let value = decodeInp(inp[i]);
  @if(!split) {
    out[i] = encodeOut(value);
  }
  @if(split) {
    let halves = splitHalves(value);
    out[i] = packHalves(halves.high);
    low[i] = packHalves(halves.low);
  }
}
