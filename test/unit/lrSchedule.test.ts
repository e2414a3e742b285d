import { expect, test } from 'vitest';
import { learningRateAt, scheduleTable } from '../../src/engine/train/lrSchedule.ts';

/** nanoGPT's configuration for its character model on CPUs. */
const config = {
  steps: 2000,
  learningRate: 1e-3,
  minLearningRate: 1e-4,
  lrSchedule: 'cosine',
  warmup: 100,
  beta1: 0.9,
  beta2: 0.99,
} as const;

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

/**
 * Of PyTorch 1.13, by the step after the warm-up: CosineAnnealingLR(T_max = 1900, eta_min), LinearLR(1, 0.1, 1900),
 * ConstantLR(1), and LambdaLR with the decay of transformers' get_wsd_schedule(decay_type = '1-sqrt') over 400 steps.
 */
const TORCH = {
  cosine: {
    101: 0.0009999993848585915,
    1050: 0.0005499999999999954,
    1999: 0.00010000061514140841,
    2000: 1e-4,
  },
  linear: {
    101: 0.0009995263157894737,
    575: 0.0007750000000000021,
    1999: 0.00010047368421052821,
    2000: 1e-4,
  },
  constant: { 101: 1e-3, 575: 1e-3, 1999: 1e-3, 2000: 1e-3 },
  wsd: {
    ...{ 101: 1e-3, 1599: 1e-3, 1600: 1e-3, 1601: 0.000955, 1700: 0.00055 },
    ...{ 1800: 0.00036360389693210714, 1999: 0.00010112570400528196, 2000: 1e-4 },
  },
} as const;

test.each(Object.entries(TORCH))('%s has the rates of PyTorch', (lrSchedule, rates) => {
  for (const [it, rate] of Object.entries(rates)) {
    const own = learningRateAt({ ...config, lrSchedule: lrSchedule as keyof typeof TORCH }, Number(it));
    // PyTorch multiplies from step to step: 1900 roundings of half a unit in the last place, 2^-53 each.
    expect(Math.abs(own / rate - 1), `step ${it}: ${own}`).toBeLessThan(1900 * 2 ** -53);
  }
});

test('warmup-stable-decay falls in what a long warm-up leaves, and in a run of few steps', () => {
  const of = (warmup: number, steps: number, it: number) =>
    learningRateAt({ ...config, lrSchedule: 'wsd', warmup, steps }, it);
  expect(of(1900, 2000, 1900)).toBe(1e-3);
  expect(of(1900, 2000, 1925)).toBeCloseTo(5.5e-4, 15); // sqrt(25 / 100)
  expect([0, 1, 2].map((it) => of(0, 2, it))).toEqual([1e-3, 1e-3, 1e-4]);
  expect(of(10, 10, 10)).toBe(1e-4);
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
