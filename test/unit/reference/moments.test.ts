import { describe, expect, it } from 'vitest';
import { normalAt } from '../../../src/engine/core/rng.ts';
import { momentsOf } from '../../../src/engine/precision/optimStates.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import {
  contract,
  expand,
  momentGroup,
  momentScale,
  storeMoment,
} from '../../../src/engine/reference/moments.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import { thrownBy } from '../../unit/thrownBy.ts';

const fp32 = recipeOf('fp32');
const zeros = (count: number) => new Float64Array(count);
const bits = { seed: 1, first: 0 };

/** Stores `values` as the first moment and their magnitudes as the second, and returns both as they are loaded. */
function stored(
  values: ArrayLike<number>,
  optimState: 'fp8' | 'fp8-lm' | 'bf16',
): [Float64Array, Float64Array] {
  const [m, v] = [Float64Array.from(values), Float64Array.from(values, Math.abs)];
  const moments = momentsOf(fp32, optimState);
  storeMoment(m, 'firstMoment', moments, 1, bits);
  storeMoment(v, 'secondMoment', moments, 1, bits);
  return [m, v];
}

describe('groups of 128, expanded', () => {
  // Rounding errors of 128 log-normal values with COAT's expansion, and of e4m3fn with one scale for comparison.
  it.each([
    [0.2, 4e-3, 2e-2],
    [0.5, 8e-3, 2e-2],
    [1, 1.7e-2, 2e-2],
    [3, 5e-2, 3e-2],
  ])('sigma %d: the relative RMS error is at most %d', (sigma, most, unexpanded) => {
    const values = Float64Array.from({ length: 128 }, (_, i) => Math.exp(sigma * normalAt(i, 3)));
    const rms = (rounded: Float64Array) =>
      Math.sqrt(rounded.reduce((sum, x, i) => sum + (x / values[i]! - 1) ** 2, 0) / 128);
    const scale = 448 / Math.max(...values);
    const plain = rms(values.map((x) => roundTo('e4m3fn', x * scale) / scale));
    const expanded = rms(stored(values, 'fp8')[0]);
    console.log(`sigma ${sigma}: ${expanded.toExponential(1)}, without expansion ${plain.toExponential(1)}`);
    expect(expanded).toBeLessThan(most);
    expect(plain).toBeGreaterThan(unexpanded);
  });

  it.each<[string, number[]]>([
    ['all zero', zeros(128) as unknown as number[]],
    ['all equal', Array(128).fill(-0.03)],
    ['one that is not zero', [...Array(127).fill(0), 1e-9]],
    ['one outlier', [...Array(127).fill(1e-3), 1e6]],
    ['tiny', Array.from({ length: 128 }, (_, i) => (i + 1) * 1e-37)],
    ['from 2^-126 to 2^127', [...Array(127).fill(2 ** -126), 2 ** 127]],
  ])('%s: every value is kept within half a step, zeros and the largest exactly', (_, values) => {
    const { largest, k } = momentGroup(values);
    expect(k).toBeGreaterThanOrEqual(1 / 16);
    expect(k).toBeLessThanOrEqual(16);
    const [m] = stored(values, 'fp8');
    // The expansion maps the smallest magnitude to at least two subnormal steps. Rounding changes it by at most half a step,
    // which is a quarter of it, and contracting the group again raises that factor to the power 1 / k.
    const half = 1.25 ** (1 / k);
    for (const [i, x] of values.entries()) {
      if (x === 0 || Math.abs(x) === largest) expect(m[i]).toBe(x);
      else if (k > 1 / 16) {
        expect(m[i]! / x).toBeGreaterThan(1 / half);
        expect(m[i]! / x).toBeLessThan(half);
      }
    }
  });

  it('stores a non-finite value as one, and the others as without it', () => {
    const values = Array.from({ length: 128 }, (_, i) => i + 1);
    const clean = stored(values, 'fp8')[0];
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const [m, v] = stored([bad, ...values.slice(1)], 'fp8');
      expect(m[0]).toBeNaN();
      expect(v[0]).toBeNaN();
      expect(Math.abs(m[127]! - 128)).toBe(0);
      expect(Math.max(...m.slice(2).map((x, i) => Math.abs(x / clean[i + 2]! - 1)))).toBeLessThan(0.1);
    }
  });

  it('is COAT: (|x| / c)^k over (largest / c)^k / 448, with c the geometric mean of the ends', () => {
    const values = Array.from({ length: 128 }, (_, i) => Math.exp(normalAt(i, 9)));
    const group = momentGroup(values);
    const c = Math.sqrt(group.largest * Math.min(...values));
    const scale = (group.largest / c) ** group.k / 448;
    for (const x of values) {
      expect(expand(x, group)).toBeCloseTo((x / c) ** group.k / scale, 9);
      expect(contract(expand(x, group), group) / x).toBeCloseTo(1, 12);
    }
  });
});

describe('one scale a parameter', () => {
  it('is the largest power of two that fits, whatever the moments are', () => {
    expect(momentScale(448, 'e4m3fn')).toBe(1);
    expect(momentScale(449, 'e4m3fn')).toBe(0.5);
    expect(momentScale(1, 'f16')).toBe(2 ** 15);
    for (const largest of [0, 1e-45, 1e-30, 1, 3e38]) {
      const scale = momentScale(largest, 'e4m3fn');
      expect(Number.isFinite(Math.fround(scale)) && Math.fround(1 / scale) > 0).toBe(true);
      expect(largest * scale).toBeLessThanOrEqual(448);
    }
  });

  it('keeps m within half a step of e4m3fn and v within half a step of f16', () => {
    const [m, v] = stored([0.3, -0.3, 1e-3, 0, Number.POSITIVE_INFINITY], 'fp8-lm');
    expect(Math.abs(m[1]! / -0.3 - 1)).toBeLessThanOrEqual(2 ** -4);
    expect(Math.abs(v[2]! / 1e-3 - 1)).toBeLessThanOrEqual(2 ** -11);
    expect([m[3], v[3]]).toEqual([0, 0]);
    expect([m[4], v[4]]).toEqual([Number.NaN, Number.NaN]);
  });
});

// With beta2 0.999 the decay of v is 0.001 v, and half a bf16 step is between 2^-9 v and 2^-8 v.
it('a second moment in bf16 falls on average at random, and not at all to nearest', () => {
  const decay = (round: (v: Float64Array, step: number) => void): number => {
    const v = new Float64Array(256).fill(1);
    for (let step = 1; step <= 1000; step++) {
      for (let i = 0; i < v.length; i++) v[i] = 0.999 * v[i]!;
      round(v, step);
    }
    return v.reduce((a, b) => a + b) / v.length;
  };
  const nearest = decay((v) => v.set(v.map((x) => roundTo('bf16', x))));
  const moments = momentsOf(fp32, 'bf16');
  const stochastic = decay((v, step) => storeMoment(v, 'secondMoment', moments, step, bits));
  console.log(
    `after 1000 decays by 0.999: ${nearest} to nearest, ${stochastic.toFixed(4)} at random, exact ${(0.999 ** 1000).toFixed(4)}`,
  );
  expect(nearest).toBe(1);
  expect(Math.abs(stochastic / 0.999 ** 1000 - 1)).toBeLessThan(0.05);
});

it.each(['fp16-pure', 'bf16-sr'] as const)(
  '8-bit moments are refused in %s, which keeps no master',
  (mode) => {
    for (const state of ['fp8', 'fp8-lm'] as const) {
      const error = thrownBy(() => momentsOf(recipeOf(mode), state));
      expect(error).toMatchObject({ code: 'BAD_VALUE' });
      expect(String(error)).toContain(mode);
    }
    expect(momentsOf(recipeOf(mode), 'bf16').firstMoment).toBe('bf16');
  },
);
