/** The matrix kernel on real subgroup matrices: every layout, epilogues, sums in parts and ragged sizes against the f64 oracle. */
import { test } from 'vitest';
import { recipeOf } from '../../src/engine/precision/recipes.ts';
import { checkMatrices } from '../gpu/kernels/matrixCase.ts';
import { targetOf } from '../gpu/kernels/runKernel.ts';
import { realShape, withMatrixUnits } from './matrixUnits.ts';

test.each([
  ['fp16', 'native'],
  ['fp16', 'packed'],
  ['e5m2', 'packed'],
] as const)('matmul on real matrices in %s, halves %s', (mode, half) =>
  withMatrixUnits((fixture) =>
    checkMatrices(fixture, targetOf(fixture, half, true), realShape(fixture), recipeOf(mode)),
  ),
);
