import { expect, test } from 'vitest';
import { learningRateAt, scheduleTable } from '../../src/engine/train/lrSchedule.ts';

/** nanoGPT's configuration for its character model on CPUs. */
const config = {
  steps: 2000,
  learningRate: 1e-3,
  minLearningRate: 1e-4,
  warmup: 100,
  beta1: 0.9,
  beta2: 0.99,
};

test('warm-up rises in steps of lr / (warmup + 1) and never starts at 0', () => {
  expect(learningRateAt(config, 0)).toBeCloseTo(1e-3 / 101, 15);
  expect(learningRateAt(config, 49)).toBeCloseTo((1e-3 * 50) / 101, 15);
  expect(learningRateAt(config, 99)).toBeCloseTo((1e-3 * 100) / 101, 15);
});

test('the cosine starts at lr, is halfway in the middle and ends at min-lr', () => {
  expect(learningRateAt(config, 100)).toBeCloseTo(1e-3, 15);
  expect(learningRateAt(config, 1050)).toBeCloseTo(5.5e-4, 15);
  // A quarter of the way: 1e-4 + 0.5 (1 + cos(pi / 4)) 9e-4.
  expect(learningRateAt(config, 575)).toBeCloseTo(8.681980515339464e-4, 15);
  expect(learningRateAt(config, 1999)).toBeGreaterThan(1e-4);
  expect(learningRateAt(config, 2000)).toBe(1e-4);
  expect(learningRateAt(config, 5000)).toBe(1e-4);
});

test('a schedule without warm-up, and one with only warm-up', () => {
  expect(learningRateAt({ ...config, warmup: 0 }, 0)).toBe(1e-3);
  const rising = { ...config, warmup: 10, steps: 10 };
  expect(learningRateAt(rising, 9)).toBeCloseTo((1e-3 * 10) / 11, 15);
  expect(learningRateAt(rising, 10)).toBe(1e-4);
});

test('the table has a vec4 for every applied step, rounded once from f64', () => {
  const table = scheduleTable(config);
  expect(table.length).toBe(4 * 2000);
  for (const it of [0, 1, 99, 100, 1234, 1999]) {
    expect([...table.subarray(4 * it, 4 * it + 4)]).toEqual([
      Math.fround(learningRateAt(config, it)),
      Math.fround(1 / (1 - 0.9 ** (it + 1))),
      Math.fround(1 / Math.sqrt(1 - 0.99 ** (it + 1))),
      0,
    ]);
  }
  expect(table[1]).toBe(10);
  expect(table[2]).toBeCloseTo(10, 5);
});

test('a run without steps still has a row to bind', () => {
  expect(scheduleTable({ ...config, steps: 0, warmup: 0 }).length).toBe(4);
});
