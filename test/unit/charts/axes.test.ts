import { describe, expect, test } from 'vitest';
import { linearAxis, logAxis, place, rangeOf, timeAxis, withRoom } from '../../../src/app/charts/axes.ts';

const labels = (axis: { ticks: readonly { label: string }[] }) => axis.ticks.map(({ label }) => label);

describe('a linear axis', () => {
  test.each([
    [0, 1, 4, ['0', '0.5', '1']],
    [3.62, 4.41, 4, ['3.8', '4', '4.2', '4.4']],
    [0, 12_345, 5, ['0', '5000', '10000']],
    [-0.31, 0.02, 4, ['-0.3', '-0.2', '-0.1', '0']],
  ])('from %f to %f has round ticks', (low, high, count, expected) => {
    expect(labels(linearAxis(low, high, count, String))).toEqual(expected);
  });
});

describe('a logarithmic axis', () => {
  test('positions values by log10 and labels them as they are', () => {
    const axis = logAxis(0.01, 100, 5, String);
    expect([axis.low, axis.high]).toEqual([-2, 2]);
    expect(labels(axis)).toEqual(['0.01', '0.1', '1', '10', '100']);
    expect(axis.ticks.map(({ at }) => at)).toEqual([-2, -1, 0, 1, 2]);
  });

  test('has labels within a decade and over many decades', () => {
    expect(labels(logAxis(1, 30, 6, String))).toEqual(['1', '2', '5', '10', '20']);
    expect(labels(logAxis(3.6, 4.4, 4, String))).toEqual(['3.6', '3.8', '4', '4.2', '4.4']);
    expect(labels(logAxis(1e-12, 1, 4, String)).length).toBeLessThanOrEqual(6);
  });

  test('has no position for 0, negative values and gaps', () => {
    expect(place(0, true)).toBeNull();
    expect(place(-1, true)).toBeNull();
    expect(place(Number.NaN, true)).toBeNull();
    expect(place(1000, true)).toBeCloseTo(3);
    expect(place(0, false)).toBe(0);
  });
});

test.each([
  [1, ['0 s', '0.5 s', '1 s']],
  [85, ['0 s', '30 s', '1 min']],
  [5000, ['0 s', '30 min', '1 h']],
])('a time axis of %i s has ticks at clock intervals', (high, expected) => {
  expect(labels(timeAxis(high, 3))).toEqual(expected);
});

test('a range ignores gaps, and a single value gets room', () => {
  expect(rangeOf([Number.NaN, 3, -1, Number.NaN])).toEqual([-1, 3]);
  expect(rangeOf([Number.NaN])).toBeNull();
  const [low, high] = withRoom([2, 2], false);
  expect(low).toBeLessThan(2);
  expect(high).toBeGreaterThan(2);
  expect(withRoom([0, 0], false)).toEqual([-1, 1]);
  expect(withRoom([1, 1], true)).toEqual([0.5, 2]);
});
