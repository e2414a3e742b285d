import { expect, test } from 'vitest';
import { OPTIM_STATES } from '../../../src/engine/precision/optimStates.ts';
import { checkOptimState, roundMany } from './optimStateCase.ts';
import { targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

/** Bits that every NaN of the format has. */
const NAN = { e4m3fn: 0x7f, e5m2: 0x7e, f16: 0x7e00 } as const;
/** The formats of m and v. */
const FORMATS_OF = {
  fp8: ['e4m3fn', 'e4m3fn'],
  'fp8-lm': ['e4m3fn', 'f16'],
  'fp8-e4m3-e5m2': ['e4m3fn', 'e5m2'],
  'fp8-e4m3-e4m3': ['e4m3fn', 'e4m3fn'],
} as const;

test.each([
  ...OPTIM_STATES.map((optimState) => ({ optimState, clipUpdate: false })),
  { optimState: 'f32', clipUpdate: true },
  { optimState: 'fp8', clipUpdate: true },
  { optimState: 'f16-h', clipUpdate: true },
] as const)(
  'two steps with $optimState moments, updates clipped: $clipUpdate',
  ({ optimState, clipUpdate }) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, 'packed', false);
      const first = await checkOptimState(fixture, target, optimState, { clipUpdate, step: 1 });
      const before = first.stored;
      const second = await checkOptimState(fixture, target, optimState, { clipUpdate, step: 2, before });
      expect([first.clipped, second.clipped]).toEqual([false, clipUpdate]);
      expectWithin(optimState, [...first.comparisons, ...second.comparisons]);
    }),
);

test.each(['fp8', 'fp8-lm', 'fp8-e4m3-e5m2', 'fp8-e4m3-e4m3'] as const)(
  '%s: what is not finite becomes NaN, stays it, and changes no other moment',
  (optimState) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, 'packed', false);
      // In the usual group, the one that is all equal and the one with an outlier.
      const bad = [
        [5, Number.NaN],
        [300, Number.POSITIVE_INFINITY],
        [600, Number.NEGATIVE_INFINITY],
      ] as const;
      // A moment of zero counts for no scale, and neither does one that is not finite.
      const zero = bad.map(([i]) => [i, 0] as const);
      const { stored: clean } = await checkOptimState(fixture, target, optimState, {
        step: 1,
        replaced: zero,
      });
      const { stored } = await checkOptimState(fixture, target, optimState, { step: 1, replaced: bad });
      const next = { step: 2, replaced: zero };
      const { stored: later } = await checkOptimState(fixture, target, optimState, {
        ...next,
        before: stored,
      });
      const [m, v] = FORMATS_OF[optimState].map((format) => NAN[format]) as [number, number];
      for (const [i] of bad) {
        for (const { m: first, v: second } of [stored, later]) {
          expect([first[i]! & m, second[i]! & v]).toEqual([m, v]);
        }
      }
      const others = (codes: readonly number[]) => codes.filter((_, i) => bad.every(([at]) => at !== i));
      expect(others(stored.m)).toEqual(others(clean.m));
      expect(others(stored.v)).toEqual(others(clean.v));
      expect(stored.groups).toEqual(clean.groups);
      expect(stored.parameterState.slice(2)).toEqual(clean.parameterState.slice(2));
    }),
);

test('stochastic rounding is unbiased: means of 16384 draws within four standard errors, finite stays finite', () =>
  withKernelFixture(async (fixture) => {
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
    const rounded = await roundMany(fixture, targetOf(fixture, 'packed', false), values, draws);
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
  withKernelFixture(async (fixture) => {
    const [all] = await roundMany(
      fixture,
      targetOf(fixture, 'packed', false),
      [(2 - 2 ** -23) * 2 ** 127],
      64,
    );
    expect(new Set(all)).toEqual(new Set([(2 - 2 ** -7) * 2 ** 127]));
  }));
