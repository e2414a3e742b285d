import { expect, test } from 'vitest';
import type { Axis } from '../../../src/app/charts/axes.ts';
import { bandPath, linePath, pixelsOf, placeLabels } from '../../../src/app/charts/linePath.ts';

const axis = (low: number, high: number, labels: readonly (readonly [number, string])[] = []): Axis => ({
  log: false,
  low,
  high,
  ticks: labels.map(([at, label]) => ({ at, label })),
});

// The plot area is 100 x 100 pixels, from (58, 8) to (158, 108).
const pixels = pixelsOf({ x: axis(0, 10), y: axis(0, 2) }, 58 + 100 + 14, 8 + 100 + 24);

test('the corners of the axes are the corners of the plot area', () => {
  expect([pixels.x(0), pixels.x(10)]).toEqual([58, 158]);
  expect([pixels.y(0), pixels.y(2)]).toEqual([108, 8]);
});

/** The third value is missing. */
const points = [
  { x: 0, y: 0 },
  { x: 5, y: 1 },
  { x: 6, y: null },
  { x: 7, y: 1 },
  { x: 10, y: 2 },
];

test('a line goes through its points, with a gap where a value is missing', () => {
  expect(linePath(points, pixels, false)).toBe('M58 108L108 58M128 58L158 8');
});

test('steps hold each value up to the next change, and up to a gap', () => {
  expect(linePath(points, pixels, true)).toBe('M58 108H108V58H118M128 58H158V8');
});

test('coordinates have at most one digit after the point', () => {
  const path = linePath([{ x: 10 / 3, y: 2 / 3 }], pixels, false);
  expect(path).toBe('M91.3 74.7');
});

test('a band is closed, along its upper edge and back along the lower one', () => {
  const points = [
    { x: 0, range: [0, 1] as const },
    { x: 10, range: [1, 2] as const },
  ];
  expect(bandPath(points, pixels)).toBe('M58 58L158 8L158 58L58 108Z');
  expect(bandPath([], pixels)).toBe('');
});

test('labels do not leave the chart or meet each other', () => {
  const crowded = axis(0, 10, [
    [0, '0'],
    [3, '300'],
    [3.5, '350'],
    [10, '1,000'],
  ]);
  const width = 172;
  const placed = placeLabels(crowded, pixels.x, width);
  expect(placed.map(({ label }) => label)).toEqual(['0', '300', '1,000']);
  expect(placed[2]!.x).toBeLessThan(pixels.x(10));
  const halves = placed.map(({ label }) => (label.length * 0.55 * 12) / 2);
  for (const [i, { x }] of placed.entries()) {
    expect(x + halves[i]!).toBeLessThanOrEqual(width);
    if (i > 0) expect(x - halves[i]!).toBeGreaterThan(placed[i - 1]!.x + halves[i - 1]!);
  }
});
