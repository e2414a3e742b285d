// fixed_master: master weights as 64-bit fixed-point integers, beside their nearest f32.
// shapes:  fixedMaster in blocks of 64 vectors of four elements: 129 vec4u, of which the first has the exponent of the block, and two follow for each vector, low and high words
// numerics: as lib/fixed; an update is limited to 2^exponent, so that weights stay in range until fixed_range makes room
// dispatch: none (library)
// source:  own; reference/fixed.ts (oracle)
import package::lib::fixed::{addFixed, fixedOf, floatOf, Fixed};
import package::lib::tensor_scale::powerOfTwo;

@group(0) @binding(9) var<storage, read_write> fixedMaster: array<vec4u>;

const BLOCK_STRIDE = 129u;

fn loadFixed(at: u32) -> Fixed {
  return Fixed(fixedMaster[at], fixedMaster[at + 1u]);
}

fn storeFixed(at: u32, value: Fixed) {
  fixedMaster[at] = value.low;
  fixedMaster[at + 1u] = value.high;
}

// Adds `change` to a vector of the chunk, and returns its nearest f32.
fn addToFixedMaster(vector: u32, change: vec4f) -> vec4f {
  let base = (vector >> 6u) * BLOCK_STRIDE;
  let exponent = bitcast<i32>(fixedMaster[base].x);
  let limit = vec4f(powerOfTwo(exponent));
  let at = base + 1u + 2u * (vector & 63u);
  let sum = addFixed(loadFixed(at), fixedOf(clamp(change, -limit, limit), exponent));
  storeFixed(at, sum);
  return floatOf(sum, exponent);
}
