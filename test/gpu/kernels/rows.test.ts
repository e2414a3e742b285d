import { describe, test } from 'vitest';
import { checkColumnSum, checkEmbedding, checkSplitTokenGradient } from './embeddingCase.ts';
import { checkGated } from './gatedCase.ts';
import { checkLayernorm } from './layernormCase.ts';
import { checkCrossEntropy, checkLossSum } from './lossCase.ts';
import { modesByRoles, rolesOf } from './modes.ts';
import { targetOf } from './runKernel.ts';
import { checkSharpness } from './sharpnessCase.ts';
import { WHOLE_FORMATS } from './wholeFormats.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

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
    withKernelFixture(async (fixture) => {
      const comparisons = await checkLayernorm(fixture, targetOf(fixture, half, subgroups), recipe);
      expectWithin(`layer norm (${lanes}) ${title}`, comparisons);
    }),
  );

  test.each(modesByRoles(['outputGradient'], STORAGES))(
    'cross entropy in $title',
    ({ title, recipe, half }) =>
      withKernelFixture(async (fixture) => {
        const target = targetOf(fixture, half, subgroups);
        const comparisons = await checkCrossEntropy(fixture, target, rolesOf(recipe).outputGradient);
        expectWithin(`cross entropy (${lanes}) ${title}`, comparisons);
      }),
  );

  test.each([
    { zLoss: 1e-2, softCap: 0 },
    { zLoss: 0, softCap: 20 },
    { zLoss: 1e-2, softCap: 20 },
  ])('cross entropy with %o', (options) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, 'packed', subgroups);
      const comparisons = await checkCrossEntropy(fixture, target, 'f32', 2 ** 10, options);
      expectWithin(`cross entropy (${lanes}) with z ${options.zLoss}, cap ${options.softCap}`, comparisons);
    }),
  );

  test('sharpness', () =>
    withKernelFixture(async (fixture) => {
      const comparisons = await checkSharpness(fixture, targetOf(fixture, 'packed', subgroups));
      expectWithin(`sharpness (${lanes})`, comparisons);
    }));

  test('cross entropy without gradient', () =>
    withKernelFixture(async (fixture) => {
      const comparisons = await checkCrossEntropy(fixture, targetOf(fixture, 'packed', subgroups), null);
      expectWithin(`cross entropy forward (${lanes})`, comparisons);
    }));
});

test.each(modesByRoles(EMBEDDING, STORAGES))('embedding in $title', ({ title, recipe, half }) =>
  withKernelFixture(async (fixture) => {
    expectWithin(`embedding ${title}`, await checkEmbedding(fixture, targetOf(fixture, half, false), recipe));
  }),
);

test.each(modesByRoles(['preActivation', 'activation'], STORAGES))(
  'products of gated MLPs in $title',
  ({ title, recipe, half }) =>
    withKernelFixture(async (fixture) => {
      expectWithin(`gated ${title}`, await checkGated(fixture, targetOf(fixture, half, false), recipe));
    }),
);

test.each([
  ['f32', 'f32'],
  ['f16', 'f32'],
  ['bf16', 'f16'],
] as const)('gradient of the token embedding in segments, %s to %s', (from, to) =>
  withKernelFixture(async (fixture) => {
    const target = { ...targetOf(fixture, 'packed', false), splitSums: true };
    expectWithin(`token gradient ${from} to ${to}`, await checkSplitTokenGradient(fixture, target, from, to));
  }),
);

test.each(WHOLE_FORMATS)('column sums of %s', (format) =>
  withKernelFixture(async (fixture) => {
    for (const half of ['native', 'packed'] as const) {
      const target = targetOf(fixture, half, false);
      expectWithin(`column sum ${format} ${half}`, [
        ...(await checkColumnSum(fixture, target, format, 'f32')),
        ...(await checkColumnSum(fixture, target, format, 'f16')),
      ]);
    }
  }),
);

test('the loss of a step is a mean over tokens, not scaled', () =>
  withKernelFixture(async (fixture) => expectWithin('loss sum', await checkLossSum(fixture))));
