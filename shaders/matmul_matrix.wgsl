// matmul_matrix: out = op(a) op(b) on the matrix units of a GPU.
// shapes:  as matmul_register; a tile of out is TILE_M x TILE_N, a subgroup owns ROWS x COLUMNS matrices of it
// numerics: operands in f16 where both formats fit it, else f32; f32 accumulation, in order of k from matrix to matrix
// dispatch: x over N / TILE_N, y over M / TILE_M, with `split` z over parts of the sum; SUBGROUPS subgroups, all of SUBGROUP lanes
// source:  tiles in shared memory, of which each subgroup has a share in registers, as in NVIDIA's CUTLASS; reference/matmul.ts (oracle)
import package::lib::found::reportOverflow;
import package::lib::matmul_epilogue::{endStep, finish, firstStep, shape};
import package::lib::matrix_tiles::{advanceA, advanceB, loadA, loadB, placeA, placeB, storeA, storeB, INVOCATIONS};
import package::lib::subgroup_matrix::{loadLeft, loadRight, multiplyAdd, scratch, storeSum};
import package::lib::subgroup_matrix::{Left, Right, Sum};
import constants::{COLUMNS, MATRIX_K, MATRIX_M, MATRIX_N, ROWS, SUBGROUP, SUBGROUP_COLUMNS, SUBGROUPS};
import constants::{TILE_K, TILE_M, TILE_N};
enable subgroups;

const MATRIX_SIZE = MATRIX_M * MATRIX_N;
const MAX_TRIPS = 0x1000000u;
// Where the shares of the second row and of the second column of subgroups begin. A workgroup may have one row of them.
const SECOND_ROW = select(0u, ROWS * MATRIX_M, SUBGROUPS > SUBGROUP_COLUMNS);
const SECOND_COLUMN = COLUMNS * MATRIX_N;

alias Sums = array<Sum, ROWS * COLUMNS>;

// Adds the product of the tiles in shared memory to a subgroup's sums.
fn multiplyTiles(sums: ptr<function, Sums>, subgroup: u32) {
  for (var step = 0u; step < TILE_K / MATRIX_K; step++) {
    var left: array<Left, ROWS>;
    var right: array<Right, COLUMNS>;
    // Constant places in the tiles need no check at each load, and show how they are aligned.
    if (subgroup < SUBGROUP_COLUMNS) {
      for (var i = 0u; i < ROWS; i++) {
        left[i] = loadLeft(i * MATRIX_M, step * MATRIX_K);
      }
    } else {
      for (var i = 0u; i < ROWS; i++) {
        left[i] = loadLeft(SECOND_ROW + i * MATRIX_M, step * MATRIX_K);
      }
    }
    if (subgroup % SUBGROUP_COLUMNS == 0u) {
      for (var j = 0u; j < COLUMNS; j++) {
        right[j] = loadRight(step * MATRIX_K, j * MATRIX_N);
      }
    } else {
      for (var j = 0u; j < COLUMNS; j++) {
        right[j] = loadRight(step * MATRIX_K, SECOND_COLUMN + j * MATRIX_N);
      }
    }
    for (var j = 0u; j < COLUMNS; j++) {
      for (var i = 0u; i < ROWS; i++) {
        (*sums)[i * COLUMNS + j] = multiplyAdd(left[i], right[j], (*sums)[i * COLUMNS + j]);
      }
    }
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
  let firstK = firstStep(group.z);
  let steps = endStep(group.z) - firstK;
  let trips = steps / TILE_K;
  let placeOfA = placeA(local, row0, firstK);
  let placeOfB = placeB(local, column0, firstK);
  var sums: Sums;
  var loadedA = loadA(local, placeOfA);
  var loadedB = loadB(local, placeOfB);
  for (var trip = 0u; trip < MAX_TRIPS; trip++) {
    if (trip >= trips) {
      break;
    }
    storeA(loadedA, local, true, TILE_K);
    storeB(loadedB, local, true, TILE_K);
    workgroupBarrier();
    // The next tiles are on their way while these are multiplied.
    loadedA = loadA(local, placeOfA + (trip + 1u) * advanceA());
    loadedB = loadB(local, placeOfB + (trip + 1u) * advanceB());
    multiplyTiles(&sums, subgroup);
    workgroupBarrier();
  }
  if (steps % TILE_K != 0u) {
    storeA(loadedA, local, false, steps % TILE_K);
    storeB(loadedB, local, false, steps % TILE_K);
    workgroupBarrier();
    multiplyTiles(&sums, subgroup);
    workgroupBarrier();
  }
  // Elements of a matrix cannot be read where they are: one after the other passes through shared memory.
  let rowOfShare = row0 + subgroup / SUBGROUP_COLUMNS * (ROWS * MATRIX_M);
  let columnOfShare = column0 + subgroup % SUBGROUP_COLUMNS * (COLUMNS * MATRIX_N);
  var overflowed = false;
  for (var i = 0u; i < ROWS * COLUMNS; i++) {
    storeSum(subgroup * MATRIX_SIZE, sums[i]);
    workgroupBarrier();
    for (var e = lane; e < MATRIX_SIZE / 4u; e += SUBGROUP) {
      let row = rowOfShare + i / COLUMNS * MATRIX_M + e / (MATRIX_N / 4u);
      let column4 = (columnOfShare + i % COLUMNS * MATRIX_N) / 4u + e % (MATRIX_N / 4u);
      if (row < shape.m && column4 < shape.n4) {
        let at = subgroup * MATRIX_SIZE + 4u * e;
        overflowed = finish(group.z, row, column4, vec4f(scratch[at], scratch[at + 1u], scratch[at + 2u], scratch[at + 3u])) || overflowed;
      }
    }
    workgroupBarrier();
  }
  reportOverflow(overflowed, shape.site);
}
