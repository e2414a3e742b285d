import { describe, expect, test } from 'vitest';
import {
  type ComputedBy,
  changesBetween,
  changesEffect,
  changesOnResume,
  changesText,
} from '../../src/engine/checkpoint/runChanges.ts';

const PLAIN = { matmul: 'register32' } as const;
const MATRICES = { matmul: 'register32', subgroupMatrix: 'f16 16x16x16' } as const;

const BEFORE: ComputedBy = {
  adapter: 'SwiftShader',
  kernels: MATRICES,
  config: {
    ...{ batch: 12, accumulation: 2, microBatch: null },
    ...{ steps: 300, learningRate: 1e-3, minLearningRate: 1e-4, lrSchedule: 'cosine' },
  },
};
const ELSEWHERE: ComputedBy = { ...BEFORE, adapter: 'llvmpipe' };

describe('what is a change', () => {
  test('nothing where adapter, kernels and micro-batches are the same', () => {
    expect(changesBetween(BEFORE, structuredClone(BEFORE), 21)).toEqual([]);
  });

  test.each([
    ['adapter', ELSEWHERE, 'SwiftShader', 'llvmpipe'],
    ['kernels', { ...BEFORE, kernels: PLAIN }, 'register32 and matrix units f16 16x16x16', 'register32'],
    ['microBatch', { ...BEFORE, config: { ...BEFORE.config, microBatch: 3 } }, '2 of 12', '8 of 3'],
    ['steps', { ...BEFORE, config: { ...BEFORE.config, steps: 600 } }, '300', '600'],
  ] as const)('another of its %s', (what, now, from, to) => {
    expect(changesBetween(BEFORE, now, 21)).toEqual([{ step: 21, what, from, to }]);
  });

  test('not the number of steps where no step is left, or the learning rate does not decay towards it', () => {
    const shorter = { ...BEFORE, config: { ...BEFORE.config, steps: 20 } };
    expect(changesBetween(BEFORE, shorter, 20)).toHaveLength(1);
    expect(changesBetween(BEFORE, shorter, 21)).toEqual([]);
    for (const constant of [
      { minLearningRate: BEFORE.config.learningRate },
      { lrSchedule: 'constant' },
    ] as const) {
      const config = { ...BEFORE.config, ...constant };
      const longer = { ...config, steps: 600 };
      expect(changesBetween({ ...BEFORE, config }, { ...BEFORE, config: longer }, 21)).toEqual([]);
    }
  });

  test('not the reason for which matrix units are not used', () => {
    const unused = (why: string): ComputedBy => ({
      ...BEFORE,
      kernels: { ...PLAIN, subgroupMatrix: `not used: ${why}` },
    });
    const absent = { ...BEFORE, kernels: PLAIN };
    expect(changesBetween(absent, unused('they are slower'), 1)).toEqual([]);
    expect(changesBetween(unused('they are slower'), unused('they are not here'), 1)).toEqual([]);
    expect(changesBetween(BEFORE, unused('they are not here'), 1)).toHaveLength(1);
  });
});

test('a run that goes on there and back has two changes, and those of before stay', () => {
  const there = changesOnResume({ ...BEFORE, changes: [] }, ELSEWHERE, 21);
  const back = changesOnResume({ ...ELSEWHERE, changes: there }, BEFORE, 31);
  expect(back).toEqual([
    { step: 21, what: 'adapter', from: 'SwiftShader', to: 'llvmpipe' },
    { step: 31, what: 'adapter', from: 'llvmpipe', to: 'SwiftShader' },
  ]);
  expect(changesOnResume({ ...BEFORE, changes: back }, BEFORE, 41)).toEqual(back);
});

test('no more are kept than a file may have, and the first of them stays', () => {
  let changes = changesOnResume({ ...BEFORE, changes: [] }, ELSEWHERE, 1);
  const first = changes[0];
  for (let step = 2; step <= 1100; step++) {
    changes = changesOnResume({ ...ELSEWHERE, changes }, BEFORE, step);
  }
  expect(changes).toHaveLength(1000);
  expect(changes[0]).toEqual(first);
});

test('a sentence for each step, of many only the newest', () => {
  const at = (step: number) => ({ step, what: 'adapter', from: 'A', to: 'B' }) as const;
  const kernels = { step: 21, what: 'kernels', from: 'register8', to: 'tiled' } as const;
  const micro = { step: 30, what: 'microBatch', from: '2 of 12', to: '8 of 3' } as const;
  expect(changesText([at(21), kernels, micro])).toBe(
    'From step 21 on: another adapter (B in place of A), other kernels (tiled in place of register8). From step 30 on: other micro-batches (8 of 3 in place of 2 of 12).',
  );
  expect(changesText([1, 2, 3, 4, 5].map(at))).toMatch(
    /^Earlier changes, the first at step 1, are left out\. From step 3 on: .* From step 4 on: .* From step 5 on: [^.]*\.$/,
  );
});

test('a schedule that changed says that losses differ, and not in their last bits only', () => {
  const adapter = { step: 21, what: 'adapter', from: 'A', to: 'B' } as const;
  const steps = { step: 21, what: 'steps', from: '300', to: '600' } as const;
  expect(changesText([steps])).toBe('From step 21 on: another number of steps in all (600 in place of 300).');
  expect(changesEffect([adapter])).toMatch(/^Losses may differ in their last bits from/);
  expect(changesEffect([steps, adapter])).toMatch(
    /^The learning rate follows another schedule .* losses differ/,
  );
});
