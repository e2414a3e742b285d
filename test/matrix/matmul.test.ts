/** The matrix kernel on real subgroup matrices: every layout, epilogues, sums in parts and ragged sizes against the f64 oracle. */
import { test } from 'vitest';
import { recipeOf } from '../../src/engine/precision/recipes.ts';
import { checkMatrices } from '../gpu/kernels/matrixCase.ts';
import { targetOf } from '../gpu/kernels/runKernel.ts';
import { realShape, withMatrixUnits } from './matrixUnits.ts';

test.each([
  ['fp16', 'native', false],
  ['fp16', 'native', true],
  ['fp16', 'packed', false],
  ['e5m2', 'packed', false],
] as const)('matmul on real matrices in %s, halves %s, wide shares %s', (mode, half, wide) =>
  withMatrixUnits((fixture) =>
    checkMatrices(fixture, targetOf(fixture, half, true), { ...realShape(fixture), wide }, recipeOf(mode)),
  ),
);
