import { describe, test } from 'vitest';
import { ATTENTION_KERNELS } from '../../../src/engine/gpu/operation.ts';
import { type AttentionCase, attentionShapes, checkAttention, inParts } from './attentionCase.ts';
import { fewModes, modesByRoles, rolesOf } from './modes.ts';
import { targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

/** The head size of the schedules that variants.ts compiles. */
const HEAD_SIZE = 32;
/** Each costs three kernels of its own; the largest ones are compiled in one form only. */
const OTHER_HEAD_SIZES = [
  { headSize: 4, format: 'f32', subgroups: true },
  { headSize: 4, format: 'f16', subgroups: false },
  { headSize: 16, format: 'f16', subgroups: true },
  { headSize: 16, format: 'f32', subgroups: false },
  { headSize: 64, format: 'f16', subgroups: true },
  { headSize: 96, format: 'f32', subgroups: true },
  { headSize: 128, format: 'f16', subgroups: true },
  { headSize: 256, format: 'f32', subgroups: true },
] as const;

describe.each([
  { subgroups: true, lanes: 'subgroups', modes: modesByRoles(['attention'], ['native', 'packed']) },
  { subgroups: false, lanes: 'no subgroups', modes: fewModes() },
])('with $lanes', ({ subgroups, lanes, modes }) => {
  test.each(modes)('attention in $title', ({ title, recipe, half }) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, half, subgroups);
      const { attention } = rolesOf(recipe);
      const comparisons = await checkAttention(
        fixture,
        target,
        { format: attention },
        attentionShapes(HEAD_SIZE),
      );
      expectWithin(`attention (${lanes}) ${title}`, comparisons);
    }),
  );
});

test.each(OTHER_HEAD_SIZES)('attention with head size $headSize in $format, subgroups $subgroups', (form) =>
  withKernelFixture(async (fixture) => {
    const { headSize, format, subgroups } = form;
    const target = targetOf(fixture, 'native', subgroups);
    const comparisons = await checkAttention(fixture, target, { format }, attentionShapes(headSize));
    expectWithin(`attention head size ${headSize} ${format}${subgroups ? ' subgroups' : ''}`, comparisons);
  }),
);

/** Options that meet pairwise: each two of them are on together, and each is on without the other. */
const OPTIONS: readonly (AttentionCase & { readonly title: string; readonly keyValueHeads?: number })[] = [
  { title: 'no options', format: 'f16' },
  { title: 'key/value heads, a cap', format: 'f32', keyValueHeads: 2, softCap: 1.5 },
  { title: 'documents, dropout', format: 'f16', uses: { documents: true, dropout: true } },
  {
    ...{ title: 'key/value heads, documents in a cache', format: 'f16' },
    ...{ keyValueHeads: 1, uses: { cached: true, documents: true } },
  },
  {
    ...{ title: 'a cap, dropout in a cache', format: 'f32' },
    ...{ softCap: 0.75, uses: { cached: true, dropout: true } },
  },
  {
    ...{ title: 'everything', format: 'f32', keyValueHeads: 2, softCap: 1.5 },
    uses: { cached: true, documents: true, dropout: true },
  },
];

describe.each(ATTENTION_KERNELS)('the %s kernels', (attention) => {
  test.each(OPTIONS)('with $title', ({ title, keyValueHeads = 4, ...options }) =>
    withKernelFixture(async (fixture) => {
      const target = { ...targetOf(fixture, 'native', attention === 'register'), attention };
      const heads = { heads: 4, headSize: 8, keyValueHeads };
      const comparisons = await checkAttention(fixture, target, options, [
        { batch: 2, context: 5, ...heads },
        { batch: 2, context: 70, ...heads },
      ]);
      expectWithin(`attention ${attention}, ${title}`, comparisons);
    }),
  );
});

// Without subgroups keys and values have a pass each. A group of rows has to be of whole subgroups where those are used.
test.each([
  { parts: 2, lanes: 64, subgroups: true },
  { parts: 4, lanes: 8, subgroups: true },
  { parts: 2, lanes: 12, subgroups: false },
])('the uniform kernels with rows in $parts parts, $lanes rows, subgroups $subgroups', (form) =>
  withKernelFixture(async (fixture) => {
    const { parts, lanes, subgroups } = form;
    const target = { ...targetOf(fixture, 'native', subgroups), attention: 'uniform', lanes } as const;
    const shapes = [{ batch: 1, context: 70, heads: 2, headSize: 16 }];
    const options = { format: 'f16', changed: inParts(parts, target) } as const;
    expectWithin(
      `attention uniform in ${parts} parts`,
      await checkAttention(fixture, target, options, shapes),
    );
  }),
);

test('the uniform kernels with head size 40, of which the pass over keys splits rows', () =>
  withKernelFixture(async (fixture) => {
    const target = { ...targetOf(fixture, 'native', true), attention: 'uniform', lanes: 64 } as const;
    const shapes = [{ batch: 1, context: 70, heads: 2, headSize: 40 }];
    expectWithin('attention uniform 40', await checkAttention(fixture, target, { format: 'f16' }, shapes));
  }));
