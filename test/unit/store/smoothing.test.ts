import { expect, test } from 'vitest';
import { MAX_SMOOTHING, smooth } from '../../../src/store/smoothing.ts';

test.each([0, 0.5, 0.9, MAX_SMOOTHING])('a constant stays what it is, at %f', (keep) => {
  for (const value of smooth([2.5, 2.5, 2.5], 3, keep)) expect(value).toBeCloseTo(2.5, 12);
});

test('0 does not smooth', () => {
  expect([...smooth([3, 1, 2], 3, 0)]).toEqual([3, 1, 2]);
});

test('weighs the past, without a bias towards zero', () => {
  // (0.5 * 4 + 0.25 * 0) / 0.75, then one more
  const [, second, third] = smooth([0, 4, 4], 3, 0.5);
  expect(second).toBeCloseTo(8 / 3, 12);
  expect(third).toBeCloseTo(24 / 7, 12);
});

test('a gap stays a gap and moves nothing', () => {
  const [first, gap, last] = smooth([1, Number.NaN, 1], 3, 0.9);
  expect(first).toBeCloseTo(1, 12);
  expect(gap).toBeNaN();
  expect(last).toBeCloseTo(1, 12);
});
