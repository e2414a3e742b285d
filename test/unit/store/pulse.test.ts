import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Pulse } from '../../../src/store/pulse.ts';

const page = Object.assign(new EventTarget(), { hidden: false });

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', page);
  page.hidden = false;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Requests a paint every 10 ms for `seconds` and counts the paints. */
function paintsIn(seconds: number): number {
  const paint = vi.fn();
  const pulse = new Pulse(paint);
  for (let i = 0; i < seconds * 100; i++) {
    pulse.request();
    vi.advanceTimersByTime(10);
  }
  return paint.mock.calls.length;
}

test('paints at most four times a second', () => {
  expect(paintsIn(10)).toBeLessThanOrEqual(41);
  expect(paintsIn(10)).toBeGreaterThan(35);
});

test('paints once a second while the page is hidden, for its title', () => {
  page.hidden = true;
  expect(paintsIn(10)).toBeLessThanOrEqual(11);
});

test('paints when the page is shown again, with the latest state', () => {
  const paint = vi.fn();
  const pulse = new Pulse(paint);
  pulse.request();
  pulse.request();
  vi.advanceTimersByTime(1000);
  expect(paint).toHaveBeenCalledTimes(2);
  page.dispatchEvent(new Event('visibilitychange'));
  expect(paint).toHaveBeenCalledTimes(3);
});
