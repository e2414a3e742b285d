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

test('draws each drawing at most once in its interval, and all that are due in one frame', () => {
  let drawing = false;
  const queue = new RedrawQueue((drawAll) => {
    drawing = true;
    drawAll();
    drawing = false;
  });
  const drawnIn: number[] = [];
  const draw = () => {
    expect(drawing).toBe(true);
    drawnIn.push(frame);
  };
  const large = vi.fn(draw);
  const small = [vi.fn(draw), vi.fn(draw)];
  const handles = [queue.add(large, 250), ...small.map((one) => queue.add(one, 1000))];
  advance(10_000, () => {
    for (const handle of handles) handle.request();
  });
  expect(large.mock.calls.length).toBeGreaterThan(30);
  expect(large.mock.calls.length).toBeLessThanOrEqual(41);
  for (const one of small) {
    expect(one.mock.calls.length).toBeGreaterThan(8);
    expect(one.mock.calls.length).toBeLessThanOrEqual(11);
  }
  // The two small ones are due at the same times.
  const frames = drawnIn.filter((at) => drawnIn.filter((other) => other === at).length >= 2);
  expect(new Set(frames).size).toBe(small[0]!.mock.calls.length);
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
