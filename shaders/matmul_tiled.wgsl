// matmul_tiled: out = op(a) op(b) through tiles in shared memory, for GPUs where loads are dearer than barriers.
// shapes:  as matmul_register; a tile of out is TILE_M x TILE_N, a lane owns TILE_M / ROW_LANES rows (a multiple of 4) by COLUMNS4 vectors of columns
// numerics: operands widened to f32 in shared memory, f32 accumulation in order of k; `exact` as in matmul_register
// dispatch: x over N / TILE_N, y over M / TILE_M, with `split` z over parts of the sum; TILE_N / (4 COLUMNS4) * ROW_LANES lanes
// source:  classic two-level tiling with the next tile under way; reference/matmul.ts (oracle)
@if(exact) import package::lib::exact_sums::roundedSum;
import package::lib::found::reportOverflow;
import package::lib::matmul_epilogue::{endStep, finish, firstStep, shape};
import package::lib::matmul_operands::{fetchA, fetchB, widenA, widenB};
import constants::{COLUMNS4, ROW_LANES, TILE_K, TILE_M, TILE_N};
@if(exact) import constants::EXACT_STEPS;

const COLUMN_LANES = TILE_N / (4u * COLUMNS4);
const LANES = COLUMN_LANES * ROW_LANES;
const ROWS4 = TILE_M / ROW_LANES / 4u;
const MAX_TRIPS = 0x1000000u;
// Vectors of each tile that a lane fetches.
const PARTS_A = TILE_M * TILE_K / 4u / LANES;
const PARTS_B = TILE_N * TILE_K / 4u / LANES;
// Vectors in a row of a tile as the operand lies in memory.
@if(!aTransposed) const WIDTH_A = TILE_K / 4u;
@if(aTransposed) const WIDTH_A = TILE_M / 4u;
@if(!bTransposed) const WIDTH_B = TILE_N / 4u;
@if(bTransposed) const WIDTH_B = TILE_K / 4u;
// Tiles hold a row for each step. Where they are turned on the way, lanes store single elements to several rows at once: one vector
// of padding a row keeps them off the same shared-memory bank.
const STRIDE_A = TILE_M + 4u;
const STRIDE_B = TILE_N + 4u;

@if(!aTransposed) var<workgroup> tileA: array<f32, TILE_K * STRIDE_A>;
@if(aTransposed) var<workgroup> tileA: array<vec4f, TILE_K * WIDTH_A>;
@if(!bTransposed) var<workgroup> tileB: array<vec4f, TILE_K * WIDTH_B>;
@if(bTransposed) var<workgroup> tileB: array<f32, TILE_K * STRIDE_B>;

// Where the tile of a at (row0, k0) begins in memory: row, and vector in it.
fn originA(row0: u32, k0: u32) -> vec2u {
  @if(!aTransposed) return vec2u(row0, k0 / 4u);
  @if(aTransposed) return vec2u(k0, row0 / 4u);
}

fn originB(column0: u32, k0: u32) -> vec2u {
  @if(!bTransposed) return vec2u(k0, column0 / 4u);
  @if(bTransposed) return vec2u(column0, k0 / 4u);
}

// Neighbouring lanes fetch neighbouring vectors of a tile. In `local % LANES` compilers see that the indices of what is stored stay
// within the tile, so that they are not clamped.
fn fetchTileA(parts: ptr<function, array<a::Fetched, PARTS_A>>, local: u32, origin: vec2u) {
  for (var i = 0u; i < PARTS_A; i++) {
    let slot = local % LANES + i * LANES;
    (*parts)[i] = fetchA(origin.x + slot / WIDTH_A, origin.y + slot % WIDTH_A);
  }
}

fn fetchTileB(parts: ptr<function, array<b::Fetched, PARTS_B>>, local: u32, origin: vec2u) {
  for (var i = 0u; i < PARTS_B; i++) {
    let slot = local % LANES + i * LANES;
    (*parts)[i] = fetchB(origin.x + slot / WIDTH_B, origin.y + slot % WIDTH_B);
  }
}

fn storeTileA(parts: ptr<function, array<a::Fetched, PARTS_A>>, local: u32, origin: vec2u) {
  for (var i = 0u; i < PARTS_A; i++) {
    let slot = local % LANES + i * LANES;
    let v = widenA((*parts)[i], origin.x + slot / WIDTH_A, origin.y + slot % WIDTH_A);
    @if(aTransposed) {
      tileA[slot] = v;
    }
    @if(!aTransposed) {
      let at = slot % WIDTH_A * 4u * STRIDE_A + slot / WIDTH_A;
      tileA[at] = v.x;
      tileA[at + STRIDE_A] = v.y;
      tileA[at + 2u * STRIDE_A] = v.z;
      tileA[at + 3u * STRIDE_A] = v.w;
    }
  }
}

fn storeTileB(parts: ptr<function, array<b::Fetched, PARTS_B>>, local: u32, origin: vec2u) {
  for (var i = 0u; i < PARTS_B; i++) {
    let slot = local % LANES + i * LANES;
    let v = widenB((*parts)[i], origin.x + slot / WIDTH_B, origin.y + slot % WIDTH_B);
    @if(!bTransposed) {
      tileB[slot] = v;
    }
    @if(bTransposed) {
      let at = slot % WIDTH_B * 4u * STRIDE_B + slot / WIDTH_B;
      tileB[at] = v.x;
      tileB[at + STRIDE_B] = v.y;
      tileB[at + 2u * STRIDE_B] = v.z;
      tileB[at + 3u * STRIDE_B] = v.w;
    }
  }
}

@compute @workgroup_size(LANES)
fn matmul_tiled(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row0 = group.y * TILE_M;
  let column0 = group.x * TILE_N;
  // Of a lane within the tile: its first row / 4, and its first columns / 4.
  let row4 = local % LANES / COLUMN_LANES * ROWS4;
  let column4 = local % COLUMN_LANES;
  let firstK = firstStep(group.z);
  let trips = (endStep(group.z) - firstK + TILE_K - 1u) / TILE_K;
  var sums: array<vec4f, 4u * ROWS4 * COLUMNS4>;
  @if(exact) var totals: array<vec4i, 4u * ROWS4 * COLUMNS4>;
  var partsA: array<a::Fetched, PARTS_A>;
  var partsB: array<b::Fetched, PARTS_B>;
  fetchTileA(&partsA, local, originA(row0, firstK));
  fetchTileB(&partsB, local, originB(column0, firstK));
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    if (trip >= trips) {
      break;
    }
    let k0 = firstK + trip * TILE_K;
    storeTileA(&partsA, local, originA(row0, k0));
    storeTileB(&partsB, local, originB(column0, k0));
    workgroupBarrier();
    // The next tiles are under way while these are multiplied. After the last trip what they hold is not used.
    fetchTileA(&partsA, local, originA(row0, k0 + TILE_K));
    fetchTileB(&partsB, local, originB(column0, k0 + TILE_K));
    // Tiles are indexed here and not in functions, where the range of an index is unknown and it is clamped. In one loop some
    // compilers would not unroll all steps.
    for (var quad = 0u; quad < TILE_K / 4u; quad++) {
      for (var step = 0u; step < 4u; step++) {
        let k = 4u * quad + step;
        var columns: array<vec4f, COLUMNS4>;
        for (var j = 0u; j < COLUMNS4; j++) {
          @if(!bTransposed) {
            columns[j] = tileB[k * WIDTH_B + column4 + j * COLUMN_LANES];
          }
          @if(bTransposed) {
            let at = k * STRIDE_B + 4u * column4 + 4u * j * COLUMN_LANES;
            columns[j] = vec4f(tileB[at], tileB[at + 1u], tileB[at + 2u], tileB[at + 3u]);
          }
        }
        for (var q = 0u; q < ROWS4; q++) {
          @if(aTransposed) let rows = tileA[k * WIDTH_A + row4 + q];
          @if(!aTransposed) let at = k * STRIDE_A + 4u * row4 + 4u * q;
          @if(!aTransposed) let rows = vec4f(tileA[at], tileA[at + 1u], tileA[at + 2u], tileA[at + 3u]);
          for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < COLUMNS4; j++) {
              let sum = (4u * q + i) * COLUMNS4 + j;
              sums[sum] = fma(vec4f(rows[i]), columns[j], sums[sum]);
            }
          }
        }
      }
    }
    workgroupBarrier();
    @if(exact) {
      if (trip % (EXACT_STEPS / TILE_K) == EXACT_STEPS / TILE_K - 1u) {
        for (var i = 0u; i < 4u * ROWS4 * COLUMNS4; i++) {
          totals[i] += vec4i(sums[i]);
          sums[i] = vec4f();
        }
      }
    }
  }
  @if(exact) {
    for (var i = 0u; i < 4u * ROWS4 * COLUMNS4; i++) {
      sums[i] = roundedSum(totals[i] + vec4i(sums[i]));
    }
  }
  var overflowed = false;
  for (var i = 0u; i < 4u * ROWS4; i++) {
    let m = row0 + 4u * row4 + i;
    for (var j = 0u; j < COLUMNS4; j++) {
      let n4 = column0 / 4u + column4 + j * COLUMN_LANES;
      if (m < shape.m && n4 < shape.n4) {
        overflowed = finish(group.z, m, n4, sums[i * COLUMNS4 + j]) || overflowed;
      }
    }
  }
  reportOverflow(overflowed, shape.site);
}
