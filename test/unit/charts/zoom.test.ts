import { expect, test } from 'vitest';
import { linearAxis, logAxis } from '../../../src/app/charts/axes.ts';
import { rangeBetween, rescaled, zoomFor } from '../../../src/app/charts/zoom.ts';
import { MetricsLog } from '../../../src/store/metricsLog.ts';

const whole = linearAxis(0, 1000, 5, String);

test('a drag in either direction chooses the part between its ends, and a click none', () => {
  expect(rangeBetween(whole, 0.2, 0.5)).toEqual({ low: 200, high: 500 });
  expect(rangeBetween(whole, 0.5, 0.2)).toEqual({ low: 200, high: 500 });
  expect(rangeBetween(whole, 0.5, 0.505)).toBeNull();
  const { low, high } = rangeBetween(logAxis(1, 1000, 5, String), 1 / 3, 2 / 3)!;
  expect(low).toBeCloseTo(10, 9);
  expect(high).toBeCloseTo(100, 9);
});

test('zooming in and out keeps its place, up to the whole axis', () => {
  const half = rescaled(whole, whole, 0.2, 0.5)!;
  expect(half).toEqual({ low: 100, high: 600 });
  const part = linearAxis(half.low, half.high, 5, String);
  expect(rescaled(part, whole, 0.2, 2)).toBeNull();
  expect(rescaled(part, whole, 0.9, 1.5)).toEqual({ low: 0, high: 625 });
});

test('a zoom holds for the runs and the unit that it was chosen for', () => {
  const [of, other] = [new MetricsLog(1), new MetricsLog(1)];
  const zoom = { kind: 'step', low: 1, high: 2, of } as const;
  expect(zoomFor(zoom, 'step', of)).toBe(zoom);
  expect(zoomFor(zoom, 'time', of)).toBeNull();
  expect(zoomFor(zoom, 'step', other)).toBeNull();
  expect(zoomFor(undefined, 'step', of)).toBeNull();
});
