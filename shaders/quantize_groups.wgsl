// quantize_groups: a tensor in a narrow format, each 16 consecutive elements multiplied by a scale of their own.
// shapes:  inp, out (vectors) of four elements; groupScales (vectors / 16) words, see lib/group_scale.wgsl
// numerics: a group's scale is the largest power of two that keeps its largest magnitude in the format, 1 where that is zero, infinity or NaN; the product is rounded once, saturating
// dispatch: one lane a vector, 64 lanes, linear grid
// source:  1x16 groups of COAT (arXiv 2410.19313), their scales rounded down to powers of two; reference/tensorScale.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::round::magnitudeBits;
import package::lib::tensor_scale::{isUsable, powerOfTwo, scaleExponent};

struct Params {
  vectors: u32,
  largest: u32,  // f32 bits of the largest value of the format of out
}

@group(0) @binding(2) var<storage, read_write> groupScales: array<u32>;
@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;

var<workgroup> magnitudes: array<u32, WIDTH>;

// Of the group whose first vector is that of lane `first`.
fn groupExponent(first: u32) -> i32 {
  let amax = max(max(magnitudes[first], magnitudes[first + 1u]), max(magnitudes[first + 2u], magnitudes[first + 3u]));
  return select(0, scaleExponent(amax, p.largest, 0u), isUsable(amax));
}

@compute @workgroup_size(WIDTH)
fn quantize_groups(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = linearGroup(group) * WIDTH + local;
  var value = vec4f();
  if (i < p.vectors) {
    value = inp::load(i);
  }
  let magnitude = magnitudeBits(value);
  magnitudes[local] = max(max(magnitude.x, magnitude.y), max(magnitude.z, magnitude.w));
  workgroupBarrier();
  if (i < p.vectors) {
    out::store(i, value * powerOfTwo(groupExponent(local & ~3u)));
  }
  if (i < p.vectors && local % 16u == 0u) {
    var word = 0u;
    for (var k = 0u; k < 4u; k++) {
      word |= u32(127 - groupExponent(local + 4u * k)) << (8u * k);
    }
    groupScales[i / 16u] = word;
  }
}
