import { expect, test } from 'vitest';
import { OPTIM_STATES } from '../../../src/engine/precision/optimStates.ts';
import { checkOptimState, roundMany } from './optimStateCase.ts';
import { targetOf } from './runKernel.ts';
import { expectWithin, withBench } from './withBench.ts';

test.each([
  ...OPTIM_STATES.map((optimState) => ({ optimState, clipUpdate: false })),
  { optimState: 'f32', clipUpdate: true },
  { optimState: 'fp8', clipUpdate: true },
] as const)(
  'two steps with $optimState moments, updates clipped: $clipUpdate',
  ({ optimState, clipUpdate }) =>
    withBench(async (bench) => {
      const target = targetOf(bench, 'packed', false);
      const first = await checkOptimState(bench, target, optimState, { clipUpdate, step: 1 });
      const before = first.stored;
      const second = await checkOptimState(bench, target, optimState, { clipUpdate, step: 2, before });
      expect([first.clipped, second.clipped]).toEqual([false, clipUpdate]);
      expectWithin(optimState, [...first.comparisons, ...second.comparisons]);
    }),
);

test('stochastic rounding is unbiased: means of 16384 draws within four standard errors, finite stays finite', () =>
  withBench(async (bench) => {
    const draws = 2 ** 14;
    const step = 2 ** -133; // of bf16's subnormals
    const values = [
      1,
      1 + 2 ** -8,
      -1 - 3 * 2 ** -10,
      Math.PI,
      1e-30,
      12345.678,
      3.3e38,
      100.25 * step,
      -0.3 * step,
    ];
    const rounded = await roundMany(bench, targetOf(bench, 'packed', false), values, draws);
    const shares = values.map((value, i) => {
      const x = Math.fround(value);
      const all = rounded[i]!;
      const ulp = Math.max(step, 2 ** (Math.floor(Math.log2(Math.abs(x))) - 7));
      const share = Math.abs(x / ulp - Math.trunc(x / ulp));
      const mean = all.reduce((a, b) => a + b) / draws;
      const bound = 4 * ulp * Math.sqrt((share * (1 - share)) / draws);
      expect(new Set(all).size).toBe(share === 0 ? 1 : 2);
      expect(Math.abs(mean - x)).toBeLessThanOrEqual(bound);
      return bound === 0 ? 0 : Math.abs(mean - x) / bound;
    });
    console.log(`mean errors as shares of four sigma: ${shares.map((s) => s.toFixed(2)).join(', ')}`);
  }));

test('the largest f32 is not rounded up to infinity', () =>
  withBench(async (bench) => {
    const [all] = await roundMany(bench, targetOf(bench, 'packed', false), [(2 - 2 ** -23) * 2 ** 127], 64);
    expect(new Set(all)).toEqual(new Set([(2 - 2 ** -7) * 2 ** 127]));
  }));
