/** Which tile matmul_tiled takes: large ones where they fill a GPU. */
import { expect, test } from 'vitest';
import type { MatmulKernel, Target } from '../../src/engine/gpu/operation.ts';
import type { Tensor } from '../../src/engine/gpu/tensor.ts';
import { matmul, type SumParts } from '../../src/engine/kernels/matmul.ts';

const found: Tensor = { name: 'found', type: 'u32', elements: 4 };

/** Rows of a tile, and workgroups. */
function tileOf(m: number, n: number, parts?: SumParts, kernel: MatmulKernel = 'tiled') {
  const k = 768;
  const tensor = (name: string, elements: number): Tensor => ({ name, type: 'f32', elements });
  const [a, b, out] = [tensor('a', m * k), tensor('b', k * n), tensor('out', m * n)];
  const target: Target = {
    ...{
      half: 'packed',
      subgroup: null,
      lanes: 64,
      matmul: kernel,
      attention: 'register',
      matrixShapes: [],
      splitSums: true,
    },
  };
  const args = { label: 'x', a, b, out, m, n, k, found, ...(parts && { parts }) };
  const { variant, grid } = matmul(target, args);
  expect(variant.kernel).toBe('matmul_tiled');
  return { rows: variant.constants.TILE_M, grid, constants: variant.constants };
}

test('large results have large tiles, those that would leave a GPU idle small ones', () => {
  expect(tileOf(4096, 768)).toMatchObject({ rows: 128, grid: [6, 32, 1] });
  expect(tileOf(1024, 3072)).toMatchObject({ rows: 128, grid: [24, 8, 1] });
  expect(tileOf(1024, 768)).toMatchObject({ rows: 64, grid: [12, 16, 1] });
  expect(tileOf(2, 768)).toMatchObject({ rows: 64, grid: [12, 1, 1] });
});

test('parts of a sum are workgroups, too', () => {
  expect(tileOf(768, 768)).toMatchObject({ rows: 64, grid: [12, 12, 1] });
  expect(tileOf(768, 768, { count: 3, step: 256 })).toMatchObject({ rows: 128, grid: [6, 6, 3] });
});

test('large tiles of which more than a fifth lies beyond the result are left', () => {
  expect(tileOf(32768, 68)).toMatchObject({ rows: 64, grid: [2, 512, 1] });
  expect(tileOf(32768, 192)).toMatchObject({ rows: 64, grid: [3, 512, 1] });
  expect(tileOf(32768, 208)).toMatchObject({ rows: 128, grid: [2, 256, 1] });
});

test('a kernel with a size has it for all results', () => {
  expect(tileOf(4096, 768, undefined, 'tiled64').rows).toBe(64);
  expect(tileOf(4, 4, undefined, 'tiled128')).toMatchObject({ rows: 128, grid: [1, 1, 1] });
});

test('workgroups stay within what every adapter has, and their lanes share fills evenly', () => {
  for (const kernel of ['tiled64', 'tiled128'] as const) {
    const { TILE_M, TILE_N, TILE_K, ROW_LANES, COLUMNS4 } = tileOf(64, 64, undefined, kernel).constants;
    expect(4 * TILE_K! * (TILE_M! + TILE_N! + 8)).toBeLessThanOrEqual(16384);
    const lanes = (TILE_N! / (4 * COLUMNS4!)) * ROW_LANES!;
    expect(lanes).toBeLessThanOrEqual(256);
    for (const side of [TILE_M!, TILE_N!]) expect(((side * TILE_K!) / 4) % lanes).toBe(0);
  }
});

test('products of 8-bit integers take the packed kernel where the target has it, in tiles of the same sizes', () => {
  const i8 = (name: string, elements: number): Tensor => ({ name, type: 'i8', elements });
  const of = (m: number, n: number, k: number, packedProducts: boolean, change: Partial<Tensor> = {}) => {
    const out: Tensor = { name: 'out', type: 'f32', elements: m * n };
    const target: Target = {
      ...{ half: 'packed', subgroup: null, lanes: 64, matmul: 'tiled', attention: 'register' },
      ...{ matrixShapes: [], splitSums: true, packedProducts },
    };
    const a = { ...i8('a', m * k), ...change };
    return matmul(target, { label: 'x', a, b: i8('b', k * n), out, m, n, k, found });
  };
  expect(of(4096, 768, 768, true)).toMatchObject({ variant: { kernel: 'matmul_packed' }, grid: [6, 32, 1] });
  expect(of(64, 64, 768, true)).toMatchObject({ variant: { constants: { TILE_M: 64, TILE_K: 32 } } });
  const { TILE_M, TILE_N, TILE_K } = of(4096, 768, 768, true).variant.constants;
  expect(TILE_K! * (TILE_M! + TILE_N!)).toBeLessThanOrEqual(16384);
  // f32 holds the sums of 1,024 products exactly; beyond that they continue in i32, as far as that goes.
  expect(of(64, 64, 1024, false).variant).toMatchObject({ kernel: 'matmul_tiled' });
  expect(of(64, 64, 1024, false).variant.conditions.exact).toBeUndefined();
  expect(of(64, 64, 1028, false).variant.conditions.exact).toBe(true);
  expect(of(64, 64, 133_144, true).variant.kernel).toBe('matmul_packed');
  const longer = of(64, 64, 133_148, true).variant;
  expect([longer.kernel, longer.conditions.exact]).toEqual(['matmul_tiled', undefined]);
  // Scales that vary along the sum, and other formats, make values of codes first.
  const byColumn = { blockScales: { columns: 768, as: 'f32' } } as const;
  expect(of(64, 64, 768, true, byColumn).variant.kernel).toBe('matmul_tiled');
  expect(of(64, 64, 768, true, { type: 'bf16' }).variant.kernel).toBe('matmul_tiled');
});
