import { describe, test } from 'vitest';
import { FORMATS, type FormatId } from '../../../src/engine/precision/formats.ts';
import { checkColumnSum, checkEmbedding } from './embeddingCase.ts';
import { checkLayernorm } from './layernormCase.ts';
import { checkCrossEntropy, checkLossSum } from './lossCase.ts';
import { modesByRoles, rolesOf } from './modes.ts';
import { targetOf } from './runKernel.ts';
import { checkSharpness } from './sharpnessCase.ts';
import { expectWithin, withBench } from './withBench.ts';

const STORAGES = ['native', 'packed'] as const;
const LAYER_NORM = [
  'residual',
  'master',
  'activation',
  'residualGradient',
  'outputGradient',
  'gradient',
] as const;
const EMBEDDING = ['master', 'residual', 'residualGradient', 'gradient'] as const;

describe.each([
  { subgroups: true, lanes: 'subgroups' },
  { subgroups: false, lanes: 'shared memory' },
])('with $lanes', ({ subgroups, lanes }) => {
  test.each(modesByRoles(LAYER_NORM, STORAGES))('layer norm in $title', ({ title, recipe, half }) =>
    withBench(async (bench) => {
      const comparisons = await checkLayernorm(bench, targetOf(bench, half, subgroups), recipe);
      expectWithin(`layer norm (${lanes}) ${title}`, comparisons);
    }),
  );

  test.each(modesByRoles(['outputGradient'], STORAGES))(
    'cross entropy in $title',
    ({ title, recipe, half }) =>
      withBench(async (bench) => {
        const target = targetOf(bench, half, subgroups);
        const comparisons = await checkCrossEntropy(bench, target, rolesOf(recipe).outputGradient);
        expectWithin(`cross entropy (${lanes}) ${title}`, comparisons);
      }),
  );

  test('sharpness', () =>
    withBench(async (bench) => {
      const comparisons = await checkSharpness(bench, targetOf(bench, 'packed', subgroups));
      expectWithin(`sharpness (${lanes})`, comparisons);
    }));

  test('cross entropy without gradient', () =>
    withBench(async (bench) => {
      const comparisons = await checkCrossEntropy(bench, targetOf(bench, 'packed', subgroups), null);
      expectWithin(`cross entropy forward (${lanes})`, comparisons);
    }));
});

test.each(modesByRoles(EMBEDDING, STORAGES))('embedding in $title', ({ title, recipe, half }) =>
  withBench(async (bench) => {
    expectWithin(`embedding ${title}`, await checkEmbedding(bench, targetOf(bench, half, false), recipe));
  }),
);

test.each(Object.keys(FORMATS) as FormatId[])('column sums of %s', (format) =>
  withBench(async (bench) => {
    for (const half of ['native', 'packed'] as const) {
      const target = targetOf(bench, half, false);
      expectWithin(`column sum ${format} ${half}`, [
        ...(await checkColumnSum(bench, target, format, 'f32')),
        ...(await checkColumnSum(bench, target, format, 'f16')),
      ]);
    }
  }),
);

test('the loss of a step is a mean over tokens, not scaled', () =>
  withBench(async (bench) => expectWithin('loss sum', await checkLossSum(bench))));
