// quantize_blocks: stores a tensor in a narrow format; each block of consecutive elements is multiplied by its own scale.
// shapes:  inp, out (blocks, BLOCK4) vectors of four elements; the scales lie behind the elements of out; with `scaled` also amax, scales (records)
// numerics: a block's scale is the largest of its kind that keeps its largest magnitude in the format, 1 where that is zero, infinity or NaN; the product is rounded once, saturating. With `scaled` a block's scale is in E4M3, rounded to nearest, and is multiplied by one of the tensor
// dispatch: LANES lanes a block, 64 lanes, linear grid; LANES is 1, 2, 4, 8 or 16, so that a workgroup stores whole fours of scales
// source:  1x16 groups of COAT (arXiv 2410.19313), their scales rounded down to powers of two; two levels of scales as in NVFP4; reference/tensorScale.ts (oracle)
import package::lib::grid::linearGroup;
import package::lib::round::magnitudeBits;
import package::lib::scale_kinds::{e4m3Codes, e4m3Values, inverseFor};
import package::lib::tensor_scale::{isUsable, powerOfTwo, scaleExponent, TensorScale};
import constants::{BLOCK4, LANES};

struct Params {
  blocks: u32,
  largest: u32,  // f32 bits of the largest value of the format of out
  @if(scaled) record: u32,
}

@if(scaled) @group(0) @binding(2) var<storage, read> amax: array<u32>;
@if(scaled) @group(0) @binding(3) var<storage, read_write> scales: array<TensorScale>;

@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;
const BLOCKS = WIDTH / LANES;

// The largest magnitude of each lane, and the inverse of the scale of each block.
var<workgroup> magnitudes: array<u32, WIDTH>;
var<workgroup> inverses: array<f32, BLOCKS>;

// The inverse of the tensor's scale: the largest of its blocks' is then the largest E4M3 number. Every lane computes the same; the first one of all leaves it for the kernels that read the tensor.
@if(scaled)
fn tensorInverse(isFirst: bool) -> f32 {
  let inverse = inverseFor(amax[p.record], scales[p.record].largest);
  if (isFirst) {
    scales[p.record].scale = 1.0 / inverse;
    scales[p.record].inverse = inverse;
  }
  return inverse;
}

fn blockInverse(amax: u32, ofTensor: f32) -> f32 {
  if (out::IS_POWER) {
    return powerOfTwo(-select(0, scaleExponent(amax, p.largest, 0u), isUsable(amax)));
  }
  let inverse = inverseFor(amax, p.largest);
  @if(scaled) {
    return select(1.0, e4m3Values(e4m3Codes(vec4f(inverse / ofTensor))).x, isUsable(amax));
  }
  @if(!scaled) {
    return inverse;
  }
}

@compute @workgroup_size(WIDTH)
fn quantize_blocks(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let inGroup = local / LANES;
  let block = linearGroup(group) * BLOCKS + inGroup;
  let lane = local % LANES;
  @if(scaled) let ofTensor = tensorInverse(block == 0u && lane == 0u);
  @if(!scaled) let ofTensor = 1.0;
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
  let inverse = blockInverse(amax, ofTensor);
  if (lane == 0u) {
    inverses[inGroup] = inverse;
  }
  workgroupBarrier();
  if (!isBlock) {
    return;
  }
  let scale = out::scaleOf(vec4f(inverse * ofTensor));
  for (var i = lane; i < BLOCK4; i += LANES) {
    let at = block * BLOCK4 + i;
    out::storeCodes(at, out::encode(inp::load(at) * scale));
  }
  if (lane == 0u && block % 4u == 0u) {
    out::storeInverses(block / 4u, vec4f(inverses[inGroup], inverses[inGroup + 1u], inverses[inGroup + 2u], inverses[inGroup + 3u]));
  }
}
