// convert_format: the same values in another format.
// shapes:  inp, out (vectors) of four elements
// numerics: rounded as the format of out says
// dispatch: one lane a vector, linear grid
// source:  master weights to compute weights; reference/rounding.ts (oracle)
import package::lib::grid::linearGroup;
import inp_format::{Elem4 as ElemInp, decode as decodeInp};
import out_format::{Elem4 as ElemOut, encode as encodeOut};

struct Params {
  vectors: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<ElemInp>;
@group(0) @binding(1) var<storage, read_write> out: array<ElemOut>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn convert_format(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * 64u + local;
  if (i < p.vectors) {
    out[i] = encodeOut(decodeInp(inp[i]));
  }
}
