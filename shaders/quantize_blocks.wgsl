// quantize_blocks: stores a tensor in a narrow format; each block of consecutive elements, or with `tiles` each tile of a matrix, is multiplied by its own scale.
// shapes:  inp, out of vectors of four elements: (blocks, BLOCK4), or rows of WIDTH4 vectors with tiles of TILE_ROWS by BLOCK4, the last of a row or a column smaller; the scales lie behind the elements of out; with `scaled` also amax, scales (records)
// numerics: without `ruled` a block's scale is the largest of its kind that keeps its largest magnitude in the format, 1 where that is zero, infinity or NaN; with `ruled` it follows from the magnitude rounded up, and infinity or NaN makes all of the block infinity or NaN. The product is rounded once, saturating. With `scaled` a block's scale is in E4M3, rounded to nearest, and is multiplied by one of the tensor
// dispatch: LANES lanes a block, 64 lanes, linear grid; LANES is 1, 2, 4, 8 or 16, so that a workgroup stores whole fours of scales
// source:  1x16 groups of COAT (arXiv 2410.19313), their scales rounded down to powers of two; OCP's microscaling formats with the rules of torchao; two levels of scales as in NVFP4; reference/tensorScale.ts and reference/blockScales.ts (oracles)
import package::lib::block_scale::{blockInverse, tensorInverse};
import package::lib::grid::linearGroup;
import package::lib::round::magnitudeBits;
@if(stochastic) import package::lib::stochastic::{roundingBits, RowRandom};
@if(scaled) import package::lib::tensor_scale::TensorScale;
import constants::{BLOCK4, LANES, UNIT};
@if(tiles) import constants::{TILE_ROWS, WIDTH4};

struct Params {
  blocks: u32,
  largest: u32,  // f32 bits of the largest value of the format of out
  @if(ruled) rounded: u32, // added to the bits of a magnitude, see block_scale
  @if(tiles) rows: u32,
  @if(scaled) record: u32,
  @if(stochastic) c4: u32, // as in lib/stochastic.wgsl
  @if(stochastic) context: u32,
  @if(stochastic) windowCount: u32,
  @if(stochastic) stream: u32,
}

@if(scaled) @group(0) @binding(2) var<storage, read> amax: array<u32>;
@if(scaled) @group(0) @binding(3) var<storage, read_write> scales: array<TensorScale>;

@group(1) @binding(0) var<uniform> p: Params;

const WIDTH = 64u;
const BLOCKS = WIDTH / LANES;
@if(tiles) const TILES = (WIDTH4 + BLOCK4 - 1u) / BLOCK4;
@if(tiles) const VECTORS = TILE_ROWS * BLOCK4;
@if(!tiles) const VECTORS = u32(BLOCK4);

// The largest magnitude of each lane, and the inverse of the scale of each block.
var<workgroup> magnitudes: array<u32, WIDTH>;
var<workgroup> inverses: array<f32, BLOCKS>;

// Vector i of a block: its index, or one that is none where a smaller tile has no such vector.
const NONE = 0xffffffffu;
fn indexOf(block: u32, i: u32) -> u32 {
  @if(!tiles) return block * BLOCK4 + i;
  @if(tiles) {
    let row = block / TILES * TILE_ROWS + i / BLOCK4;
    let column = block % TILES * BLOCK4 + i % BLOCK4;
    return select(NONE, row * WIDTH4 + column, row < p.rows && column < WIDTH4);
  }
}

fn codesAt(at: u32, scale: vec4f) -> u32 {
  let value = inp::load(at) * scale;
  @if(!stochastic) return out::encode(value);
  @if(stochastic) return out::encodeStochastic(value, roundingBits(at, RowRandom(p.c4, p.context, p.windowCount, p.stream)));
}

@compute @workgroup_size(WIDTH)
fn quantize_blocks(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let inGroup = local / LANES;
  let block = linearGroup(group) * BLOCKS + inGroup;
  let lane = local % LANES;
  @if(scaled) let ofTensor = tensorInverse(amax[p.record], scales[p.record].largest);
  @if(!scaled) let ofTensor = 1.0;
  @if(scaled) {
    // Every lane computes the same; the first one of all leaves it for the kernels that read the tensor.
    if (block == 0u && lane == 0u) {
      scales[p.record].scale = 1.0 / ofTensor;
      scales[p.record].inverse = ofTensor;
    }
  }
  let isBlock = block < p.blocks;
  var magnitude = vec4u();
  if (isBlock) {
    for (var i = lane; i < VECTORS; i += LANES) {
      let at = indexOf(block, i);
      @if(tiles) {
        if (at == NONE) {
          continue;
        }
      }
      magnitude = max(magnitude, magnitudeBits(inp::load(at)));
    }
  }
  magnitudes[local] = max(max(magnitude.x, magnitude.y), max(magnitude.z, magnitude.w));
  workgroupBarrier();
  var seen = 0u;
  for (var i = 0u; i < LANES; i++) {
    seen = max(seen, magnitudes[inGroup * LANES + i]);
  }
  @if(ruled) let inverse = blockInverse(seen, p.largest, p.rounded, ofTensor);
  @if(!ruled) let inverse = blockInverse(seen, p.largest, ofTensor);
  if (lane == 0u) {
    inverses[inGroup] = inverse;
  }
  workgroupBarrier();
  if (!isBlock) {
    return;
  }
  let scale = out::scaleOf(vec4f(inverse * ofTensor));
  for (var i = lane * UNIT; i < VECTORS; i += LANES * UNIT) {
    let at = indexOf(block, i);
    @if(tiles) {
      if (at == NONE) {
        continue;
      }
    }
    // Two vectors of four bits an element share a word.
    if (UNIT == 2u) {
      out::storeCodes(at / 2u, codesAt(at, scale) | (codesAt(at + 1u, scale) << 16u));
    } else {
      out::storeCodes(at, codesAt(at, scale));
    }
  }
  if (lane == 0u && block % 4u == 0u) {
    out::storeInverses(block / 4u, vec4f(inverses[inGroup], inverses[inGroup + 1u], inverses[inGroup + 2u], inverses[inGroup + 3u]));
  }
}
