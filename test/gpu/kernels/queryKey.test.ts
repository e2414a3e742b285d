import { test } from 'vitest';
import { checkQueryKey, type QueryKeyCase } from './queryKeyCase.ts';
import { targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

/** Lanes of one vector and of several, in place and from another tensor, in each way of holding four elements. */
const CASES: readonly QueryKeyCase[] = [
  { headSize: 8, format: 'f32' },
  { headSize: 64, format: 'f16' },
  { headSize: 24, format: 'bf16', place: 300 },
  { headSize: 8, format: 'f16', norm: true, parameters: 'f16' },
  { headSize: 64, format: 'f32', norm: true },
  { headSize: 24, format: 'bf16', norm: true, rope: false, parameters: 'bf16' },
  { headSize: 16, format: 'f32', norm: true, place: 7 },
];

test.each(CASES)('queries and keys: %o', (options) =>
  withKernelFixture(async (fixture) => {
    const title = `queries and keys ${JSON.stringify(options)}`;
    expectWithin(title, await checkQueryKey(fixture, targetOf(fixture, 'native', false), options));
  }),
);
