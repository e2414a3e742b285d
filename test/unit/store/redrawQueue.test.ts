import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RedrawQueue } from '../../../src/store/redrawQueue.ts';

const FRAME_MS = 16;
const page = Object.assign(new EventTarget(), { hidden: false });
let frame = 0;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', page);
  vi.stubGlobal('requestAnimationFrame', (callback: () => void) =>
    setTimeout(() => {
      frame += 1;
      callback();
    }, FRAME_MS),
  );
  page.hidden = false;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function advance(milliseconds: number, every: () => void): void {
  for (let passed = 0; passed < milliseconds; passed += 10) {
    every();
    vi.advanceTimersByTime(10);
  }
}

test('draws each drawing at most once in its interval, and one per frame', () => {
  const queue = new RedrawQueue();
  const drawnIn: number[] = [];
  const large = vi.fn(() => drawnIn.push(frame));
  const small = [vi.fn(() => drawnIn.push(frame)), vi.fn(() => drawnIn.push(frame))];
  const handles = [queue.add(large, 250), ...small.map((draw) => queue.add(draw, 1000))];
  advance(10_000, () => {
    for (const handle of handles) handle.request();
  });
  expect(large.mock.calls.length).toBeGreaterThan(30);
  expect(large.mock.calls.length).toBeLessThanOrEqual(41);
  for (const draw of small) {
    expect(draw.mock.calls.length).toBeGreaterThan(8);
    expect(draw.mock.calls.length).toBeLessThanOrEqual(11);
  }
  expect(new Set(drawnIn).size).toBe(drawnIn.length);
});

test('draws nothing while the page is hidden, and what was requested when it is shown again', () => {
  const queue = new RedrawQueue();
  const draw = vi.fn();
  const handle = queue.add(draw, 250);
  handle.request();
  page.hidden = true; // after the frame was requested
  advance(5000, () => handle.request());
  expect(draw).not.toHaveBeenCalled();
  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
  vi.advanceTimersByTime(FRAME_MS);
  expect(draw).toHaveBeenCalledTimes(1);
});

test('a drawing out of sight waits until it is visible', () => {
  const queue = new RedrawQueue();
  const draw = vi.fn();
  const handle = queue.add(draw, 250);
  handle.setVisible(false);
  advance(1000, () => handle.request());
  expect(draw).not.toHaveBeenCalled();
  handle.setVisible(true);
  vi.advanceTimersByTime(FRAME_MS);
  expect(draw).toHaveBeenCalledTimes(1);
});

test('does not draw after removal or without a request', () => {
  const queue = new RedrawQueue();
  const draw = vi.fn();
  const handle = queue.add(draw, 250);
  handle.request();
  vi.advanceTimersByTime(5000);
  expect(draw).toHaveBeenCalledTimes(1);
  handle.request();
  handle.remove();
  vi.advanceTimersByTime(5000);
  expect(draw).toHaveBeenCalledTimes(1);
});

test('the drawing that waits longest comes first, so that none starves', () => {
  const queue = new RedrawQueue();
  const counts = Array.from({ length: 40 }, () => vi.fn());
  const handles = counts.map((draw) => queue.add(draw, 0));
  advance(5000, () => {
    for (const handle of handles) handle.request();
  });
  const calls = counts.map((draw) => draw.mock.calls.length);
  expect(Math.max(...calls) - Math.min(...calls)).toBeLessThanOrEqual(1);
});
