// quantize_blocks: stores a tensor in a narrow format; each block of consecutive elements is multiplied by its own scale.
// shapes:  inp, out (blocks, BLOCK4) vectors of four elements; the scales lie behind the elements of out
// numerics: a block's scale is the largest power of two that keeps its largest magnitude in the format, 1 where that is zero, infinity or NaN; the product is rounded once, saturating
// dispatch: LANES lanes a block, 64 lanes, linear grid; LANES is 1, 2, 4, 8 or 16, so that a workgroup stores whole fours of scales
// source:  1x16 groups of COAT (arXiv 2410.19313), their scales rounded down to powers of two; reference/tensorScale.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::round::magnitudeBits;
import package::lib::tensor_scale::{isUsable, powerOfTwo, scaleExponent};
import constants::{BLOCK4, LANES};

struct Params {
  blocks: u32,
  largest: u32,  // f32 bits of the largest value of the format of out
}

@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;
const BLOCKS = WIDTH / LANES;

// The largest magnitude of each lane, and the scale exponent of each block.
var<workgroup> magnitudes: array<u32, WIDTH>;
var<workgroup> exponents: array<i32, BLOCKS>;

@compute @workgroup_size(WIDTH)
fn quantize_blocks(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let inGroup = local / LANES;
  let block = linearGroup(group) * BLOCKS + inGroup;
  let lane = local % LANES;
  let isBlock = block < p.blocks;
  var magnitude = vec4u();
  if (isBlock) {
    for (var i = lane; i < BLOCK4; i += LANES) {
      magnitude = max(magnitude, magnitudeBits(inp::load(block * BLOCK4 + i)));
    }
  }
  magnitudes[local] = max(max(magnitude.x, magnitude.y), max(magnitude.z, magnitude.w));
  workgroupBarrier();
  var amax = 0u;
  for (var i = 0u; i < LANES; i++) {
    amax = max(amax, magnitudes[inGroup * LANES + i]);
  }
  let exponent = select(0, scaleExponent(amax, p.largest, 0u), isUsable(amax));
  if (lane == 0u) {
    exponents[inGroup] = exponent;
  }
  workgroupBarrier();
  if (!isBlock) {
    return;
  }
  for (var i = lane; i < BLOCK4; i += LANES) {
    let at = block * BLOCK4 + i;
    out::storeCodes(at, out::encode(inp::load(at) * powerOfTwo(exponent)));
  }
  if (lane == 0u && block % 4u == 0u) {
    out::storeScales(block / 4u, vec4i(exponents[inGroup], exponents[inGroup + 1u], exponents[inGroup + 2u], exponents[inGroup + 3u]));
  }
}
