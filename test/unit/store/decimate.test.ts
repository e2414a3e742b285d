import { describe, expect, test } from 'vitest';
import { changePoints, decimate, decimateLog, MAX_POINTS, thin } from '../../../src/store/decimate.ts';

/** A noisy, falling curve, always the same. */
function curve(count: number): Float64Array {
  let state = 1;
  return Float64Array.from({ length: count }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 4 * Math.exp(-i / 500) + state / 2 ** 33;
  });
}

describe('decimate', () => {
  test('keeps all values that fit', () => {
    expect(decimate(curve(MAX_POINTS), MAX_POINTS)).toHaveLength(MAX_POINTS);
    expect(decimate(curve(3), 3)).toEqual([0, 1, 2]);
    expect(decimate(curve(0), 0)).toEqual([]);
  });

  test.each([401, 402, 799, 1000, 12_345, 1_000_000])('draws at most 400 points of %i', (count) => {
    const kept = decimate(curve(count), count);
    expect(kept.length).toBeLessThanOrEqual(MAX_POINTS);
    expect(kept.length).toBeGreaterThan(MAX_POINTS / 5);
    expect(kept.every((index, i) => i === 0 || index > kept[i - 1]!)).toBe(true);
    expect(kept.at(-1)).toBe(count - 1);
  });

  test('keeps both extremes wherever they are', () => {
    const values = curve(5000);
    values[1234] = 99;
    values[4321] = -99;
    expect(decimate(values, 5000)).toEqual(expect.arrayContaining([1234, 4321]));
  });

  test('is stable: later values do not move drawn points', () => {
    const values = curve(5000);
    const before = decimate(values, 4000);
    const after = decimate(values, 4064);
    const settled = before.filter((index) => index < 3968);
    expect(after.slice(0, settled.length)).toEqual(settled);
  });

  test('draws a stretch without finite values as a gap and skips single ones', () => {
    const values = curve(1000);
    values.fill(Number.NaN, 400, 600);
    values[10] = Number.NaN;
    const kept = decimate(values, 1000);
    expect(kept).not.toContain(10);
    expect(kept.some((index) => Number.isNaN(values[index]!))).toBe(true);
  });
});

describe('decimateLog', () => {
  test.each([0, 1, 12, 399, 5000, 1_000_000])(
    'draws at most 400 points of %i, both ends among them',
    (count) => {
      const kept = decimateLog(curve(count), count);
      expect(kept.length).toBeLessThanOrEqual(MAX_POINTS);
      expect(kept.every((index, i) => i === 0 || index > kept[i - 1]!)).toBe(true);
      if (count > 0) expect([kept[0], kept.at(-1)]).toEqual([0, count - 1]);
    },
  );

  test('keeps all of the first values, which are far apart on the axis', () => {
    expect(decimateLog(curve(1_000_000), 1_000_000).slice(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('is stable at any length', () => {
    const values = curve(50_000);
    const [before, after] = [decimateLog(values, 20_000), decimateLog(values, 50_000)];
    const settled = before.filter((index) => index < 18_000);
    expect(after.slice(0, settled.length)).toEqual(settled);
  });

  test('keeps both extremes wherever they are', () => {
    const values = curve(5000);
    values[1234] = 99;
    values[4321] = -99;
    expect(decimateLog(values, 5000)).toEqual(expect.arrayContaining([1234, 4321]));
  });
});

describe('changePoints', () => {
  test('keeps where a step line changes, and its ends', () => {
    expect(changePoints([16, 16, 16, 15, 15, 16], 6)).toEqual([0, 3, 5]);
    expect(changePoints([16, 16, 16], 3)).toEqual([0, 2]);
    expect(changePoints([], 0)).toEqual([]);
  });

  test('falls back to the extremes of buckets when there are too many changes', () => {
    const values = Array.from({ length: 3000 }, (_, i) => i % 2);
    expect(changePoints(values, 3000).length).toBeLessThanOrEqual(MAX_POINTS);
  });
});

test('thin keeps both ends and at most the given number', () => {
  const items = Array.from({ length: 1001 }, (_, i) => i);
  const kept = thin(items, 100);
  expect(kept).toHaveLength(100);
  expect([kept[0], kept.at(-1)]).toEqual([0, 1000]);
  expect(thin([1, 2], 100)).toEqual([1, 2]);
});
