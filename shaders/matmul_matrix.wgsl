// matmul_matrix: out = op(a) op(b) on the matrix units of a GPU.
// shapes:  as matmul_register; a tile of out is TILE_M x TILE_N, a subgroup owns ROWS x COLUMNS matrices of it
// numerics: operands in f16 where both formats fit it, else f32; f32 accumulation, in order of k from matrix to matrix
// dispatch: x over N / TILE_N, y over M / TILE_M, with `split` z over parts of the sum; SUBGROUPS subgroups, all of LANES lanes
// source:  tiles in shared memory and their share of a subgroup as in research kernels 3.5; reference/matmul.ts (oracle)
import package::lib::found::reportOverflow;
import package::lib::matmul_epilogue::{endStep, finish, firstStep, shape};
import package::lib::matmul_operands::{vectorA, vectorB};
import package::lib::subgroup_matrix::{loadLeft, loadRight, multiplyAdd, scratch, storeSum};
import package::lib::subgroup_matrix::{Component, Left, Sum, tileA, tileB};
import constants::{COLUMNS, LANES, MATRIX_K, MATRIX_M, MATRIX_N, ROWS, STRIDE_A, STRIDE_B, SUBGROUP_COLUMNS, SUBGROUPS};
import constants::{TILE_K, TILE_M, TILE_N};
enable subgroups;

const INVOCATIONS = LANES * SUBGROUPS;
const MATRIX_SIZE = MATRIX_M * MATRIX_N;
const MAX_TRIPS = 0x1000000u;

@if(!aTransposed) const VECTORS_A = TILE_K / 4u;
@if(aTransposed) const VECTORS_A = TILE_M / 4u;
@if(!bTransposed) const VECTORS_B = TILE_N / 4u;
@if(bTransposed) const VECTORS_B = TILE_K / 4u;

fn fillA(local: u32, row0: u32, k0: u32) {
  for (var e = local; e < TILE_M * TILE_K / 4u; e += INVOCATIONS) {
    let row = e / VECTORS_A;
    let vector = e % VECTORS_A;
    @if(!aTransposed) let v = vectorA(row0 + row, k0 / 4u + vector);
    @if(aTransposed) let v = vectorA(k0 + row, row0 / 4u + vector);
    let at = row * STRIDE_A + 4u * vector;
    tileA[at] = Component(v.x);
    tileA[at + 1u] = Component(v.y);
    tileA[at + 2u] = Component(v.z);
    tileA[at + 3u] = Component(v.w);
  }
}

fn fillB(local: u32, column0: u32, k0: u32) {
  for (var e = local; e < TILE_N * TILE_K / 4u; e += INVOCATIONS) {
    let row = e / VECTORS_B;
    let vector = e % VECTORS_B;
    @if(!bTransposed) let v = vectorB(k0 + row, column0 / 4u + vector);
    @if(bTransposed) let v = vectorB(column0 + row, k0 / 4u + vector);
    let at = row * STRIDE_B + 4u * vector;
    tileB[at] = Component(v.x);
    tileB[at + 1u] = Component(v.y);
    tileB[at + 2u] = Component(v.z);
    tileB[at + 3u] = Component(v.w);
  }
}

@compute @workgroup_size(INVOCATIONS)
fn matmul_matrix(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = group.y * TILE_M;
  let column0 = group.x * TILE_N;
  // Of the subgroup's share within the tile.
  let rowOfShare = subgroup / SUBGROUP_COLUMNS * (ROWS * MATRIX_M);
  let columnOfShare = subgroup % SUBGROUP_COLUMNS * (COLUMNS * MATRIX_N);
  let firstK = firstStep(group.z);
  let trips = (endStep(group.z) - firstK + TILE_K - 1u) / TILE_K;
  var sums: array<Sum, ROWS * COLUMNS>;
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    if (trip >= trips) {
      break;
    }
    fillA(local, row0, firstK + trip * TILE_K);
    fillB(local, column0, firstK + trip * TILE_K);
    workgroupBarrier();
    for (var step = 0u; step < TILE_K / MATRIX_K; step++) {
      var left: array<Left, ROWS>;
      for (var i = 0u; i < ROWS; i++) {
        left[i] = loadLeft(rowOfShare + i * MATRIX_M, step * MATRIX_K);
      }
      for (var j = 0u; j < COLUMNS; j++) {
        let right = loadRight(step * MATRIX_K, columnOfShare + j * MATRIX_N);
        for (var i = 0u; i < ROWS; i++) {
          sums[i * COLUMNS + j] = multiplyAdd(left[i], right, sums[i * COLUMNS + j]);
        }
      }
    }
    workgroupBarrier();
  }
  // Elements of a matrix cannot be read where they are: one after the other passes through shared memory.
  var overflowed = false;
  for (var i = 0u; i < ROWS * COLUMNS; i++) {
    storeSum(subgroup * MATRIX_SIZE, sums[i]);
    workgroupBarrier();
    for (var e = lane; e < MATRIX_SIZE / 4u; e += LANES) {
      let row = row0 + rowOfShare + i / COLUMNS * MATRIX_M + e / (MATRIX_N / 4u);
      let column4 = (column0 + columnOfShare + i % COLUMNS * MATRIX_N) / 4u + e % (MATRIX_N / 4u);
      if (row < shape.m && column4 < shape.n4) {
        let at = subgroup * MATRIX_SIZE + 4u * e;
        overflowed = finish(group.z, row, column4, vec4f(scratch[at], scratch[at + 1u], scratch[at + 2u], scratch[at + 3u])) || overflowed;
      }
    }
    workgroupBarrier();
  }
  reportOverflow(overflowed, shape.site);
}
