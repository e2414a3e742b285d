import { describe, expect, test } from 'vitest';
import { MAX_SMOOTHING, smooth } from '../../../src/store/smoothing.ts';

const STEPS = [1, 2, 3];

test.each([0, 0.5, 0.9, MAX_SMOOTHING])('a constant stays the same, at %f', (keep) => {
  for (const value of smooth([2.5, 2.5, 2.5], STEPS, 3, keep)) expect(value).toBeCloseTo(2.5, 12);
});

test('0 does not smooth', () => {
  expect([...smooth([3, 1, 2], STEPS, 3, 0)]).toEqual([3, 1, 2]);
});

test('weighs both sides by distance, without a bias towards zero', () => {
  // (0 + 0.5 * 4 + 0.25 * 4) / 1.75, (0.5 * 0 + 4 + 0.5 * 4) / 2, (0.25 * 0 + 0.5 * 4 + 4) / 1.75
  const [first, second, third] = smooth([0, 4, 4], STEPS, 3, 0.5);
  expect(first).toBeCloseTo(3 / 1.75, 12);
  expect(second).toBeCloseTo(3, 12);
  expect(third).toBeCloseTo(6 / 1.75, 12);
});

describe('on a falling loss', () => {
  const values = Array.from({ length: 400 }, (_, i) => 4 - i / 100);
  const steps = values.map((_, i) => i + 1);

  test.each([0.5, 0.8, 0.9])('it does not lag, at %f', (keep) => {
    const smoothed = smooth(values, steps, values.length, keep);
    // Beyond 1e-9 of the weight the ends do not reach.
    const reach = Math.ceil(Math.log(1e-9) / Math.log(keep));
    for (let i = reach; i < values.length - reach; i++) expect(smoothed[i]).toBeCloseTo(values[i]!, 6);
  });
});

test('a gap stays a gap and does not move the average', () => {
  const [first, gap, last] = smooth([1, Number.NaN, 1], STEPS, 3, 0.9);
  expect(first).toBeCloseTo(1, 12);
  expect(gap).toBeNaN();
  expect(last).toBeCloseTo(1, 12);
});

test('agrees with the sum over all pairs, at steps of any distance', () => {
  const values = [3, 1, Number.NaN, 4, 1, 5, 9, 2.5];
  const steps = [1, 2, 3, 7, 8, 20, 21, 25];
  const smoothed = smooth(values, steps, values.length, 0.7);
  for (const [i, step] of steps.entries()) {
    let [sum, weight] = [0, 0];
    for (const [j, other] of steps.entries()) {
      if (Number.isNaN(values[j])) continue;
      const own = 0.7 ** Math.abs(step - other) * (j === 0 ? 1 : other - steps[j - 1]!);
      sum += own * values[j]!;
      weight += own;
    }
    if (Number.isNaN(values[i])) expect(smoothed[i]).toBeNaN();
    else expect(smoothed[i]).toBeCloseTo(sum / weight, 12);
  }
});
