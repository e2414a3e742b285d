import { describe, test } from 'vitest';
import { attentionShapes, checkAttention } from './attentionCase.ts';
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
] as const;

describe.each([
  { subgroups: true, lanes: 'subgroups', modes: modesByRoles(['attention'], ['native', 'packed']) },
  { subgroups: false, lanes: 'no subgroups', modes: fewModes() },
])('with $lanes', ({ subgroups, lanes, modes }) => {
  test.each(modes)('attention in $title', ({ title, recipe, half }) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, half, subgroups);
      const { attention } = rolesOf(recipe);
      const comparisons = await checkAttention(fixture, target, attention, attentionShapes(HEAD_SIZE));
      expectWithin(`attention (${lanes}) ${title}`, comparisons);
    }),
  );
});

test.each(OTHER_HEAD_SIZES)('attention with head size $headSize in $format, subgroups $subgroups', (form) =>
  withKernelFixture(async (fixture) => {
    const { headSize, format, subgroups } = form;
    const target = targetOf(fixture, 'native', subgroups);
    const comparisons = await checkAttention(fixture, target, format, attentionShapes(headSize));
    expectWithin(`attention head size ${headSize} ${format}${subgroups ? ' subgroups' : ''}`, comparisons);
  }),
);
