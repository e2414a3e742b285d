// subgroup_matrix: matrices that the lanes of a subgroup hold together, and the shared memory they are loaded from and stored to.
// shapes:  Left (MATRIX_M, MATRIX_K) and Right (MATRIX_K, MATRIX_N) of tiles with k along their rows; Sum (MATRIX_M, MATRIX_N), stored row by row
// numerics: operands f16 with `half`, else f32; sums f32, in an order and with roundings that WGSL leaves to the hardware
// dispatch: none (library); called by whole subgroups
// source:  Dawn's chromium_experimental_subgroup_matrix; with `emulated` every lane does all of it by itself, to test kernels on adapters without
@if(emulated) import package::lib::matmul_epilogue::shape;
import constants::{MATRIX_K, MATRIX_M, MATRIX_N, SCRATCH_SIZE, STRIDE, TILE_M, TILE_N};
@if(!emulated) import extension::{col_major, row_major};
@if(!emulated) import extension::{subgroup_matrix_left, subgroup_matrix_result, subgroup_matrix_right};
@if(!emulated) import extension::{subgroupMatrixLoad, subgroupMatrixMultiplyAccumulate, subgroupMatrixStore};
@if(half) enable f16;
@if(!emulated) enable chromium_experimental_subgroup_matrix;

@if(half) alias Component = f16;
@if(!half) alias Component = f32;

// Steps of k lie side by side, rows of a and columns of b STRIDE apart.
var<workgroup> tileA: array<Component, TILE_M * STRIDE>;
var<workgroup> tileB: array<Component, TILE_N * STRIDE>;
// A matrix for each subgroup.
var<workgroup> scratch: array<f32, SCRATCH_SIZE>;

@if(!emulated) alias Left = subgroup_matrix_left<Component, MATRIX_K, MATRIX_M>;
@if(!emulated) alias Right = subgroup_matrix_right<Component, MATRIX_N, MATRIX_K>;
@if(!emulated) alias Sum = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;

// Where the matrix begins in its tile.
@if(emulated) alias Left = vec2u;
@if(emulated) alias Right = vec2u;
@if(emulated) alias Sum = array<f32, MATRIX_M * MATRIX_N>;

@if(!emulated)
fn loadLeft(m: u32, k: u32) -> Left {
  return subgroupMatrixLoad<Left, row_major>(&tileA, m * STRIDE + k, STRIDE);
}

@if(!emulated)
fn loadRight(k: u32, n: u32) -> Right {
  return subgroupMatrixLoad<Right, col_major>(&tileB, n * STRIDE + k, STRIDE);
}

@if(!emulated)
fn multiplyAdd(left: Left, right: Right, sum: Sum) -> Sum {
  return subgroupMatrixMultiplyAccumulate(left, right, sum);
}

@if(!emulated)
fn storeSum(at: u32, sum: Sum) {
  subgroupMatrixStore<row_major>(&scratch, at, sum, MATRIX_N);
}

// Of a sum: all of them, in a form that no compiler can unroll loops by, which would take it minutes.
@if(emulated)
fn elements() -> u32 {
  return min(MATRIX_M * MATRIX_N, shape.m * 0x10000u);
}

@if(emulated)
fn loadLeft(m: u32, k: u32) -> Left {
  return vec2u(m, k);
}

@if(emulated)
fn loadRight(k: u32, n: u32) -> Right {
  return vec2u(k, n);
}

@if(emulated)
fn multiplyAdd(left: Left, right: Right, sum: Sum) -> Sum {
  var result = sum;
  for (var i = 0u; i < elements(); i++) {
    for (var k = 0u; k < MATRIX_K; k++) {
      let x = tileA[(left.x + i / MATRIX_N) * STRIDE + left.y + k];
      let y = tileB[(right.y + i % MATRIX_N) * STRIDE + right.x + k];
      result[i] = fma(f32(x), f32(y), result[i]);
    }
  }
  return result;
}

// All lanes store the same.
@if(emulated)
fn storeSum(at: u32, sum: Sum) {
  for (var i = 0u; i < elements(); i++) {
    scratch[at + i] = sum[i];
  }
}
