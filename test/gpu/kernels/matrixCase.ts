/** matmul_matrix in all layouts against the f64 oracle, with epilogues and sums in parts. */
import { expect } from 'vitest';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import type { MatrixShape } from '../../../src/engine/gpu/subgroupMatrix.ts';
import type { Recipe } from '../../../src/engine/precision/recipes.ts';
import type { Comparison } from './bounds.ts';
import { MATMUL_KINDS, planMatmul } from './matmulCase.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';
import { expectWithin } from './withKernelFixture.ts';

/** Rows, columns and sums of more than a tile, and of one that is not full. */
const SIZES = {
  NN: [{ m: 67, n: 36, k: 40 }],
  NT: [{ m: 33, n: 68, k: 36 }],
  TN: [{ m: 36, n: 36, k: 517 }],
};
const KINDS = ['c_fc with GELU', 'c_fc gradient through GELU', 'weight gradient'];

export async function checkMatrices(
  fixture: KernelFixture,
  target: Target,
  shape: MatrixShape,
  recipe: Recipe,
  sizes: Partial<typeof SIZES> = SIZES,
): Promise<void> {
  const onMatrices = { ...target, matrixShapes: [shape], splitSums: true };
  const comparisons: Comparison[] = [];
  for (const name of KINDS) {
    const kind = MATMUL_KINDS.find((one) => one.name === name)!;
    const run = new KernelRun(fixture);
    const found = run.found();
    const planned = (sizes[kind.layout] ?? []).map((size) =>
      planMatmul(run, onMatrices, recipe, kind, size, found),
    );
    const dispatches = planned.flatMap((one) => one.dispatches);
    expect(dispatches[0]!.variant.kernel).toBe('matmul_matrix');
    if (kind.layout === 'TN') expect(dispatches[0]!.grid[2]).toBeGreaterThan(1);
    await run.run([...dispatches, ...planned.flatMap(({ recomputed }) => recomputed ?? [])]);
    expect(run.overflow()).toBeNull();
    comparisons.push(...planned.flatMap(({ compare }) => compare()));
  }
  expectWithin(`matmul (matrices) ${recipe.id}`, comparisons);
}
