// matmul_packed: out = op(a) op(b) of 8-bit integers, four products an instruction (dot4I8Packed), through tiles in shared memory.
// shapes:  as matmul_tiled; a and b hold codes, four a word
// numerics: exact sums in i32, of up to 133,144 products of codes up to 127; rounded once to f32
// dispatch: as matmul_tiled; needs the WGSL language feature packed_4x8_integer_dot_product
// source:  products of SwitchBack (arXiv 2304.13013); reference/matmul.ts (oracle)
import package::lib::exact_sums::roundedSum;
import package::lib::found::reportOverflow;
import package::lib::matmul_epilogue::{endStep, finish, firstStep, shape};
import extension::dot4I8Packed;
import constants::{COLUMNS4, ROW_LANES, TILE_K, TILE_M, TILE_N};

const COLUMN_LANES = TILE_N / (4u * COLUMNS4);
const LANES = COLUMN_LANES * ROW_LANES;
const ROWS4 = TILE_M / ROW_LANES / 4u;
// Words of four steps in a tile.
const WORDS = TILE_K / 4u;
const WIDTH_A = TILE_M / 4u;
const WIDTH_B = TILE_N / 4u;
// Blocks of four rows, or columns, by four steps that a lane loads of each tile.
const PARTS_A = WIDTH_A * WORDS / LANES;
const PARTS_B = WIDTH_B * WORDS / LANES;
const MAX_TRIPS = 0x1000000u;

// A word has four steps of one row of op(a), a vector four rows; of op(b) columns.
var<workgroup> tileA: array<vec4u, WORDS * WIDTH_A>;
var<workgroup> tileB: array<vec4u, WORDS * WIDTH_B>;

// Where block `slot` of a tile lies: its group of four rows or columns, and its word. Neighbouring lanes load neighbouring words.
fn placeAlong(slot: u32) -> vec2u {
  return vec2u(slot / WORDS, slot % WORDS);
}

fn placeAcross(slot: u32, width: u32) -> vec2u {
  return vec2u(slot % width, slot / width);
}

fn placeA(slot: u32) -> vec2u {
  @if(!aTransposed) return placeAlong(slot);
  @if(aTransposed) return placeAcross(slot, WIDTH_A);
}

fn placeB(slot: u32) -> vec2u {
  @if(bTransposed) return placeAlong(slot);
  @if(!bTransposed) return placeAcross(slot, WIDTH_B);
}

// Four words of a: four rows of four steps each, or with aTransposed four steps of four rows. Beyond the end of the sum they are zero, beyond the rows those of the last again.
fn fetchA(row4: u32, k4: u32) -> vec4u {
  let i = vec4u(0u, 1u, 2u, 3u);
  @if(!aTransposed) {
    let at = min(4u * row4 + i, vec4u(shape.m - 1u)) * (shape.k / 4u) + min(k4, shape.k / 4u - 1u);
    let words = vec4u(a::codes(at.x), a::codes(at.y), a::codes(at.z), a::codes(at.w));
    return select(vec4u(), words, k4 < shape.k / 4u);
  }
  @if(aTransposed) {
    let k = 4u * k4 + i;
    let at = min(k, vec4u(shape.k - 1u)) * (shape.m / 4u) + min(row4, shape.m / 4u - 1u);
    let words = vec4u(a::codes(at.x), a::codes(at.y), a::codes(at.z), a::codes(at.w));
    return select(vec4u(), words, k < vec4u(shape.k));
  }
}

fn fetchB(column4: u32, k4: u32) -> vec4u {
  let i = vec4u(0u, 1u, 2u, 3u);
  @if(bTransposed) {
    let at = min(4u * column4 + i, vec4u(4u * shape.n4 - 1u)) * (shape.k / 4u) + min(k4, shape.k / 4u - 1u);
    let words = vec4u(b::codes(at.x), b::codes(at.y), b::codes(at.z), b::codes(at.w));
    return select(vec4u(), words, k4 < shape.k / 4u);
  }
  @if(!bTransposed) {
    let k = 4u * k4 + i;
    let at = min(k, vec4u(shape.k - 1u)) * shape.n4 + min(column4, shape.n4 - 1u);
    let words = vec4u(b::codes(at.x), b::codes(at.y), b::codes(at.z), b::codes(at.w));
    return select(vec4u(), words, k < vec4u(shape.k));
  }
}

// Exchanges rows and columns of four by four bytes: first of halves, then of the bytes in them.
fn turned(w: vec4u) -> vec4u {
  let low = (w.xy & vec2u(0xffffu)) | (w.zw << vec2u(16u));
  let high = (w.xy >> vec2u(16u)) | (w.zw & vec2u(0xffff0000u));
  let even = vec2u(low.x, high.x);
  let odd = vec2u(low.y, high.y);
  let first = (even & vec2u(0x00ff00ffu)) | ((odd & vec2u(0x00ff00ffu)) << vec2u(8u));
  let second = ((even >> vec2u(8u)) & vec2u(0x00ff00ffu)) | (odd & vec2u(0xff00ff00u));
  return vec4u(first.x, second.x, first.y, second.y);
}

fn fetchTileA(parts: ptr<function, array<vec4u, PARTS_A>>, local: u32, row4: u32, k4: u32) {
  for (var i = 0u; i < PARTS_A; i++) {
    let place = placeA(local % LANES + i * LANES);
    (*parts)[i] = fetchA(row4 + place.x, k4 + place.y);
  }
}

fn fetchTileB(parts: ptr<function, array<vec4u, PARTS_B>>, local: u32, column4: u32, k4: u32) {
  for (var i = 0u; i < PARTS_B; i++) {
    let place = placeB(local % LANES + i * LANES);
    (*parts)[i] = fetchB(column4 + place.x, k4 + place.y);
  }
}

fn storeTileA(parts: ptr<function, array<vec4u, PARTS_A>>, local: u32) {
  for (var i = 0u; i < PARTS_A; i++) {
    let place = placeA(local % LANES + i * LANES);
    @if(!aTransposed) let words = (*parts)[i];
    @if(aTransposed) let words = turned((*parts)[i]);
    tileA[place.y * WIDTH_A + place.x] = words;
  }
}

fn storeTileB(parts: ptr<function, array<vec4u, PARTS_B>>, local: u32) {
  for (var i = 0u; i < PARTS_B; i++) {
    let place = placeB(local % LANES + i * LANES);
    @if(bTransposed) let words = (*parts)[i];
    @if(!bTransposed) let words = turned((*parts)[i]);
    tileB[place.y * WIDTH_B + place.x] = words;
  }
}

@compute @workgroup_size(LANES)
fn matmul_packed(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  // In vectors of four: of the workgroup, and of a lane within its tile.
  let tileRow4 = group.y * WIDTH_A;
  let tileColumn4 = group.x * WIDTH_B;
  let row4 = local % LANES / COLUMN_LANES * ROWS4;
  let column4 = local % COLUMN_LANES;
  let firstK = firstStep(group.z);
  let trips = (endStep(group.z) - firstK + TILE_K - 1u) / TILE_K;
  var sums: array<vec4i, 4u * ROWS4 * COLUMNS4>;
  var partsA: array<vec4u, PARTS_A>;
  var partsB: array<vec4u, PARTS_B>;
  fetchTileA(&partsA, local, tileRow4, firstK / 4u);
  fetchTileB(&partsB, local, tileColumn4, firstK / 4u);
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    if (trip >= trips) {
      break;
    }
    storeTileA(&partsA, local);
    storeTileB(&partsB, local);
    workgroupBarrier();
    // The next tiles are under way while these are multiplied. After the last trip what they hold is not used.
    let next = firstK / 4u + (trip + 1u) * WORDS;
    fetchTileA(&partsA, local, tileRow4, next);
    fetchTileB(&partsB, local, tileColumn4, next);
    for (var word = 0u; word < WORDS; word++) {
      var columns: array<vec4u, COLUMNS4>;
      for (var j = 0u; j < COLUMNS4; j++) {
        columns[j] = tileB[word * WIDTH_B + column4 + j * COLUMN_LANES];
      }
      for (var q = 0u; q < ROWS4; q++) {
        let rows = tileA[word * WIDTH_A + row4 + q];
        for (var i = 0u; i < 4u; i++) {
          for (var j = 0u; j < COLUMNS4; j++) {
            let four = columns[j];
            let row = rows[i];
            sums[(4u * q + i) * COLUMNS4 + j] += vec4i(
              dot4I8Packed(row, four.x),
              dot4I8Packed(row, four.y),
              dot4I8Packed(row, four.z),
              dot4I8Packed(row, four.w),
            );
          }
        }
      }
    }
    workgroupBarrier();
  }
  var overflowed = false;
  for (var i = 0u; i < 4u * ROWS4; i++) {
    let m = 4u * (tileRow4 + row4) + i;
    for (var j = 0u; j < COLUMNS4; j++) {
      let n4 = tileColumn4 + column4 + j * COLUMN_LANES;
      if (m < shape.m && n4 < shape.n4) {
        overflowed = finish(group.z, m, n4, roundedSum(sums[i * COLUMNS4 + j])) || overflowed;
      }
    }
  }
  reportOverflow(overflowed, shape.site);
}
