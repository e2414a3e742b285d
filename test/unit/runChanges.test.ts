import { describe, expect, test } from 'vitest';
import {
  changesBetween,
  changesEffect,
  changesOnResume,
  changesText,
  type RunConditions,
} from '../../src/engine/checkpoint/runChanges.ts';

const PLAIN = { matmul: 'register32' } as const;
const MATRICES = { matmul: 'register32', subgroupMatrix: 'f16 16x16x16' } as const;

const BEFORE: RunConditions = {
  adapter: 'SwiftShader',
  kernels: MATRICES,
  config: {
    ...{ precision: 'fp8-row', batch: 12, accumulation: 2, microBatch: null },
    ...{ steps: 300, learningRate: 1e-3, minLearningRate: 1e-4, lrSchedule: 'cosine' },
  },
};
const ELSEWHERE: RunConditions = { ...BEFORE, adapter: 'llvmpipe' };

describe('changes', () => {
  test('there are none when adapter, kernels and micro-batches are the same', () => {
    expect(changesBetween(BEFORE, structuredClone(BEFORE), 21)).toEqual([]);
  });

  test.each([
    ['adapter', ELSEWHERE, 'SwiftShader', 'llvmpipe'],
    ['kernels', { ...BEFORE, kernels: PLAIN }, 'register32 and matrix units f16 16x16x16', 'register32'],
    ['mode', { ...BEFORE, modeRevision: 2 }, 'fp8-row revision 1', 'fp8-row revision 2'],
    ['microBatch', { ...BEFORE, config: { ...BEFORE.config, microBatch: 3 } }, '2 of 12', '8 of 3'],
    ['steps', { ...BEFORE, config: { ...BEFORE.config, steps: 600 } }, '300', '600'],
  ] as const)('another of its %s', (what, now, from, to) => {
    expect(changesBetween(BEFORE, now, 21)).toEqual([{ step: 21, what, from, to }]);
  });

  test('the number of steps does not count when no step is left or the learning rate is constant', () => {
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

  test('the reason for not using matrix units does not count', () => {
    const unused = (why: string): RunConditions => ({
      ...BEFORE,
      kernels: { ...PLAIN, subgroupMatrix: `not used: ${why}` },
    });
    const absent = { ...BEFORE, kernels: PLAIN };
    expect(changesBetween(absent, unused('they are slower'), 1)).toEqual([]);
    expect(changesBetween(unused('they are slower'), unused('they are not here'), 1)).toEqual([]);
    expect(changesBetween(BEFORE, unused('they are not here'), 1)).toHaveLength(1);
  });
});

test('a run that moves to another adapter and back has two changes, and earlier ones are kept', () => {
  const there = changesOnResume({ ...BEFORE, changes: [] }, ELSEWHERE, 21);
  const back = changesOnResume({ ...ELSEWHERE, changes: there }, BEFORE, 31);
  expect(back).toEqual([
    { step: 21, what: 'adapter', from: 'SwiftShader', to: 'llvmpipe' },
    { step: 31, what: 'adapter', from: 'llvmpipe', to: 'SwiftShader' },
  ]);
  expect(changesOnResume({ ...BEFORE, changes: back }, BEFORE, 41)).toEqual(back);
});

test('no more changes are kept than a file may have, and the first one is kept', () => {
  let changes = changesOnResume({ ...BEFORE, changes: [] }, ELSEWHERE, 1);
  const first = changes[0];
  for (let step = 2; step <= 1100; step++) {
    changes = changesOnResume({ ...ELSEWHERE, changes }, BEFORE, step);
  }
  expect(changes).toHaveLength(1000);
  expect(changes[0]).toEqual(first);
});

test('the text has a sentence for each step, but only the newest of many', () => {
  const at = (step: number) => ({ step, what: 'adapter', from: 'A', to: 'B' }) as const;
  const kernels = { step: 21, what: 'kernels', from: 'register8', to: 'tiled' } as const;
  const micro = { step: 30, what: 'microBatch', from: '2 of 12', to: '8 of 3' } as const;
  expect(changesText([at(21), kernels, micro])).toBe(
    'From step 21 on: another adapter (B instead of A), other kernels (tiled instead of register8). From step 30 on: other micro-batches (8 of 3 instead of 2 of 12).',
  );
  expect(changesText([1, 2, 3, 4, 5].map(at))).toMatch(
    /^Earlier changes, the first at step 1, are not listed\. From step 3 on: .* From step 4 on: .* From step 5 on: [^.]*\.$/,
  );
});

test('for a changed schedule the text says that losses differ, not only in their last bits', () => {
  const adapter = { step: 21, what: 'adapter', from: 'A', to: 'B' } as const;
  const steps = { step: 21, what: 'steps', from: '300', to: '600' } as const;
  expect(changesText([steps])).toBe('From step 21 on: another total number of steps (600 instead of 300).');
  expect(changesEffect([adapter])).toMatch(/^Losses may differ in their last bits from/);
  expect(changesEffect([steps, adapter])).toMatch(
    /^The learning rate follows another schedule .* losses differ/,
  );
});
