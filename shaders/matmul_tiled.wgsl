// matmul_tiled: out = op(a) op(b) through tiles in shared memory, for GPUs where loads are dearer than barriers.
// shapes:  as matmul_register; a tile of out is TILE_M x TILE_N, a lane owns TILE_M / ROW_LANES rows by four columns
// numerics: operands widened to f32 in shared memory, f32 accumulation in order of k
// dispatch: x over N / TILE_N, y over M / TILE_M, with `split` z over parts of the sum; (TILE_N / 4) * ROW_LANES lanes
// source:  classic two-level tiling (research kernels 3.3); reference/matmul.ts (oracle)
import package::lib::found::reportOverflow;
import package::lib::matmul_epilogue::{endStep, finish, firstStep, shape};
import package::lib::matmul_operands::{vectorA, vectorB};
import constants::{ROW_LANES, TILE_K, TILE_M, TILE_N};

const COLUMN_LANES = TILE_N / 4u;
const LANES = COLUMN_LANES * ROW_LANES;
const ROWS = TILE_M / ROW_LANES;
// One vector of padding a row keeps lanes off the same shared-memory bank.
const STRIDE_A = TILE_M + 4u;
const MAX_TRIPS = 0x1000000u;

var<workgroup> tileA: array<f32, TILE_K * STRIDE_A>;
var<workgroup> tileB: array<vec4f, TILE_K * COLUMN_LANES>;

// tileA[k, m] of the tile at (row0, k0); zero beyond the end of the sum.
@if(!aTransposed)
fn fillA(local: u32, row0: u32, k0: u32) {
  for (var e = local; e < TILE_M * TILE_K / 4u; e += LANES) {
    let m = e / (TILE_K / 4u);
    let k4 = e % (TILE_K / 4u);
    let v = vectorA(row0 + m, k0 / 4u + k4);
    let at = k4 * 4u * STRIDE_A + m;
    tileA[at] = v.x;
    tileA[at + STRIDE_A] = v.y;
    tileA[at + 2u * STRIDE_A] = v.z;
    tileA[at + 3u * STRIDE_A] = v.w;
  }
}

@if(aTransposed)
fn fillA(local: u32, row0: u32, k0: u32) {
  for (var e = local; e < TILE_M * TILE_K / 4u; e += LANES) {
    let k = e / (TILE_M / 4u);
    let m4 = e % (TILE_M / 4u);
    let v = vectorA(k0 + k, row0 / 4u + m4);
    let at = k * STRIDE_A + m4 * 4u;
    tileA[at] = v.x;
    tileA[at + 1u] = v.y;
    tileA[at + 2u] = v.z;
    tileA[at + 3u] = v.w;
  }
}

// tileB[k, n4] of the tile at (column0, k0); zero beyond the end of the sum.
@if(!bTransposed)
fn fillB(local: u32, column0: u32, k0: u32) {
  for (var e = local; e < TILE_K * COLUMN_LANES; e += LANES) {
    tileB[e] = vectorB(k0 + e / COLUMN_LANES, column0 / 4u + e % COLUMN_LANES);
  }
}

@if(bTransposed)
fn fillB(local: u32, column0: u32, k0: u32) {
  for (var e = local; e < TILE_K / 4u * COLUMN_LANES; e += LANES) {
    let k4 = e % (TILE_K / 4u);
    let n4 = e / (TILE_K / 4u);
    let n = column0 + 4u * n4;
    let k = k0 / 4u + k4;
    let rows = transpose(mat4x4f(vectorB(n, k), vectorB(n + 1u, k), vectorB(n + 2u, k), vectorB(n + 3u, k)));
    for (var i = 0u; i < 4u; i++) {
      tileB[(k4 * 4u + i) * COLUMN_LANES + n4] = rows[i];
    }
  }
}

@compute @workgroup_size(LANES)
fn matmul_tiled(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row0 = group.y * TILE_M;
  let column0 = group.x * TILE_N;
  let laneRow = local / COLUMN_LANES;
  let laneColumn = local % COLUMN_LANES;
  let firstK = firstStep(group.z);
  let trips = (endStep(group.z) - firstK + TILE_K - 1u) / TILE_K;
  var acc: array<vec4f, ROWS>;
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    if (trip >= trips) {
      break;
    }
    fillA(local, row0, firstK + trip * TILE_K);
    fillB(local, column0, firstK + trip * TILE_K);
    workgroupBarrier();
    for (var k = 0u; k < TILE_K; k++) {
      let row = tileB[k * COLUMN_LANES + laneColumn];
      for (var i = 0u; i < ROWS; i++) {
        acc[i] = fma(vec4f(tileA[k * STRIDE_A + laneRow * ROWS + i]), row, acc[i]);
      }
    }
    workgroupBarrier();
  }
  let column4 = column0 / 4u + laneColumn;
  var overflowed = false;
  if (column4 < shape.n4) {
    for (var i = 0u; i < ROWS; i++) {
      let m = row0 + laneRow * ROWS + i;
      if (m < shape.m) {
        overflowed = finish(group.z, m, column4, acc[i]) || overflowed;
      }
    }
  }
  reportOverflow(overflowed, shape.site);
}
