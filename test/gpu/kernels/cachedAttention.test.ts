import { test } from 'vitest';
import { type CachedAttentionCase, checkCachedAttention } from './cachedAttentionCase.ts';
import { targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

const CASES: readonly (CachedAttentionCase & { readonly subgroups: boolean })[] = [
  { format: 'f32', subgroups: true, heads: 3, headSize: 8 },
  { format: 'f32', subgroups: false, heads: 4, headSize: 16, keyValueHeads: 2, softCap: 2 },
  { format: 'bf16', subgroups: true, heads: 6, headSize: 12, keyValueHeads: 2 },
];

test.each(CASES)('attention over a cache: %o', ({ subgroups, ...one }) =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', subgroups);
    expectWithin(`cached attention ${one.format}`, await checkCachedAttention(fixture, target, one));
  }),
);
