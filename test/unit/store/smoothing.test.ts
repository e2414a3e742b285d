import { expect, test } from 'vitest';
import { MAX_SMOOTHING, smooth } from '../../../src/store/smoothing.ts';

const STEPS = [1, 2, 3];

test.each([0, 0.5, 0.9, MAX_SMOOTHING])('a constant stays the same, at %f', (keep) => {
  for (const value of smooth([2.5, 2.5, 2.5], STEPS, 3, keep)) expect(value).toBeCloseTo(2.5, 12);
});

test('0 does not smooth', () => {
  expect([...smooth([3, 1, 2], STEPS, 3, 0)]).toEqual([3, 1, 2]);
});

test('weighs the past, without a bias towards zero', () => {
  // (0.5 * 4 + 0.25 * 0) / 0.75, then one more
  const [, second, third] = smooth([0, 4, 4], STEPS, 3, 0.5);
  expect(second).toBeCloseTo(8 / 3, 12);
  expect(third).toBeCloseTo(24 / 7, 12);
});

test('a gap stays a gap and does not move the average', () => {
  const [first, gap, last] = smooth([1, Number.NaN, 1], STEPS, 3, 0.9);
  expect(first).toBeCloseTo(1, 12);
  expect(gap).toBeNaN();
  expect(last).toBeCloseTo(1, 12);
});

test('a value for several steps has their combined weight', () => {
  const every = smooth([0, 4, 4, 4], [1, 2, 3, 4], 4, 0.5);
  const some = smooth([0, 4], [1, 4], 2, 0.5);
  expect(some[1]).toBeCloseTo(every[3]!, 12);
});
