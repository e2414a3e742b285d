import { expect, test } from 'vitest';
import type { Target } from '../../src/engine/gpu/operation.ts';
import { type MatrixShape, matrixTile } from '../../src/engine/gpu/subgroupMatrix.ts';
import type { Tensor } from '../../src/engine/gpu/tensor.ts';
import { matmul } from '../../src/engine/kernels/matmul.ts';

const F16: MatrixShape = { component: 'f16', m: 16, n: 16, k: 16 };
const F32: MatrixShape = { component: 'f32', m: 8, n: 8, k: 8 };

test('shares are wide where wide tiles fill a GPU and a lane has registers for their sums', () => {
  const columns = (shape: MatrixShape, lanes: number, m: number, n: number, parts = 1) =>
    matrixTile(shape, lanes, { m, n, parts }).TILE_N / 2;
  expect(columns(F16, 32, 4096, 768)).toBe(64);
  expect(columns(F16, 32, 768, 768)).toBe(32);
  expect(columns(F16, 32, 768, 768, 3)).toBe(64);
  expect(columns(F16, 16, 4096, 768)).toBe(32);
  expect(columns(F32, 32, 4096, 768)).toBe(32);
  expect(columns(F32, 32, 64, 64)).toBe(16);
});

test.each([F16, F32])('tiles and scratch of %o stay within what WebGPU guarantees', (shape) => {
  for (const lanes of [8, 16, 32, 64]) {
    for (const size of [64, 8192]) {
      const { TILE_M, TILE_N, STRIDE, SCRATCH_SIZE } = matrixTile(shape, lanes, {
        m: size,
        n: size,
        parts: 1,
      });
      const bytes = shape.component === 'f16' ? 2 : 4;
      expect((TILE_M + TILE_N) * STRIDE * bytes + SCRATCH_SIZE * 4).toBeLessThanOrEqual(16_384);
    }
  }
});

test('operands whose blocks have scales are not multiplied on f16 matrices, which cannot hold them', () => {
  const target: Target = {
    ...{ half: 'native', subgroup: 32, lanes: 64, matmul: 'tiled', splitSums: false },
    attention: 'register',
    matrixShapes: [F16],
  };
  const kernelOf = (blockScales?: Tensor['blockScales'], matrixShapes = [F16]) => {
    const operand = (name: string): Tensor => ({ name, type: 'e4m3fn', elements: 4096, blockScales });
    const out: Tensor = { name: 'out', type: 'f32', elements: 4096 };
    const found: Tensor = { name: 'found', type: 'u32', elements: 4 };
    const args = { label: 'product', a: operand('a'), b: operand('b'), out, m: 64, n: 64, k: 64, found };
    return matmul({ ...target, matrixShapes }, args).variant.kernel;
  };
  expect(kernelOf()).toBe('matmul_matrix');
  expect(kernelOf({ block: 64, as: 'pow2' })).toBe('matmul_tiled');
  expect(kernelOf({ block: 64, as: 'pow2' }, [F16, F32])).toBe('matmul_matrix');
});
