// level_noise: measures what rounding to levels does to an operand: its noise at its own level, and at the level below.
// shapes:  levelNoise (places): a sum over operands of noise over signal at the own level and at the level below, and their number
// numerics: f32; values that are not finite are left out, and so is a workgroup whose values are all zero
// dispatch: none (library); places are written by one workgroup of a dispatch each
// source:  own; reference/noiseLevels.ts (oracle)
import package::lib::reduce::workgroupSum;
import package::lib::round::{magnitudeBits, INFINITY_BITS};

@group(0) @binding(6) var<storage, read_write> levelNoise: array<vec4f>;

fn squares(v: vec4f) -> f32 {
  return dot(v, v);
}

// Energy of values, and of their errors at both levels.
fn errorsOf(v: vec4f, own: vec4f, below: vec4f) -> vec3f {
  let isFinite = magnitudeBits(v) < INFINITY_BITS;
  let none = vec4f();
  return vec3f(
    squares(select(none, v, isFinite)),
    squares(select(none, own - v, isFinite)),
    squares(select(none, below - v, isFinite)),
  );
}

// Adds the noise of the values of a workgroup, relative to their energy.
fn addNoise(place: u32, local: u32, errors: vec3f) {
  let sums = vec3f(
    workgroupSum(errors.x, local),
    workgroupSum(errors.y, local),
    workgroupSum(errors.z, local),
  );
  if (local == 0u && sums.x > 0.0 && bitcast<u32>(sums.x) < INFINITY_BITS.x) {
    levelNoise[place] += vec4f(sums.y / sums.x, sums.z / sums.x, 1.0, 0.0);
  }
}
