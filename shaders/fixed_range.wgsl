// fixed_range: gives fixed-point weights room, a block of 64 vectors at a time; with `fromMaster` makes them from f32 first.
// shapes:  master (vectors) of four elements f32; fixedMaster as in lib/fixed_master
// numerics: the exponent leaves two bits above the largest magnitude at first, and grows by one while only one is left; a bit is then dropped at the end
// dispatch: one workgroup per block
// source:  own; reference/fixed.ts (oracle)
import package::lib::fixed::{fixedOf, negateFixed, selectFixed, Fixed};
import package::lib::fixed_master::{fixedMaster, loadFixed, storeFixed, BLOCK_STRIDE};
@if(fromMaster) import package::lib::round::magnitudeBits;
import package::lib::grid::linearGroup;

struct Params {
  blocks: u32,
}

@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;
// High word of a magnitude of 2^(exponent - 1).
const HALF = 0x20000000u;

var<workgroup> largest: atomic<u32>;

fn largestOf(v: vec4u) -> u32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

@compute @workgroup_size(WIDTH)
fn fixed_range(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let block = linearGroup(group);
  if (block >= p.blocks) {
    return;
  }
  let base = block * BLOCK_STRIDE;
  let at = base + 1u + 2u * local;
  @if(fromMaster) {
    let w = master::load(block * WIDTH + local);
    atomicMax(&largest, largestOf(magnitudeBits(w)));
    workgroupBarrier();
    let bits = atomicLoad(&largest);
    let above = i32(bits >> 23u) - 127 + select(0, 1, (bits & 0x7fffffu) != 0u);
    let exponent = max(above + 2, 0);
    if (local == 0u) {
      fixedMaster[base] = vec4u(bitcast<u32>(exponent), 0u, 0u, 0u);
    }
    storeFixed(at, fixedOf(w, exponent));
  }
  @if(!fromMaster) {
    let value = loadFixed(at);
    let magnitude = selectFixed(value, negateFixed(value), (value.high & vec4u(0x80000000u)) != vec4u());
    atomicMax(&largest, largestOf(magnitude.high));
    workgroupBarrier();
    if (atomicLoad(&largest) < HALF) {
      return;
    }
    let low = (value.low >> vec4u(1u)) | (value.high << vec4u(31u));
    storeFixed(at, Fixed(low, bitcast<vec4u>(bitcast<vec4i>(value.high) >> vec4u(1u))));
    if (local == 0u) {
      fixedMaster[base].x += 1u;
    }
  }
}
