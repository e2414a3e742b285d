import { expect, test } from 'vitest';
import { longRunText } from '../../../src/cli/benchLongRun.ts';
import { watchBuffers } from '../../../src/engine/bench/liveBuffers.ts';
import { driftOf, type LongRunBlock } from '../../../src/engine/bench/longRun.ts';
import { median, medianInterval, theilSen } from '../../../src/engine/bench/robust.ts';
import { normalAt } from '../../../src/engine/core/rng.ts';

const points = Array.from({ length: 60 }, (_, i) => i);

test('the slope of a line is found through noise and wild points, and lies in its interval', () => {
  const y = points.map((x) => 3 + 0.5 * x + normalAt(x, 7) + (x % 7 === 0 ? 500 : 0));
  const { slope, low, high } = theilSen(points, y);
  expect(slope).toBeGreaterThan(0.45);
  expect(slope).toBeLessThan(0.55);
  expect(low).toBeLessThan(slope);
  expect(high).toBeGreaterThan(slope);
});

test('95 % of the intervals contain the slope, within the error of 200 trials', () => {
  const trials = Array.from({ length: 200 }, (_, trial) =>
    theilSen(
      points,
      points.map((x) => normalAt(x, 1000 + trial)),
    ),
  );
  const holding = trials.filter(({ low, high }) => low <= 0 && high >= 0).length;
  expect(holding).toBeGreaterThan(180);
  expect(holding).toBeLessThan(200);
});

test('two points have no slope, and nothing has no median', () => {
  expect(() => theilSen([1, 2], [1, 2])).toThrow(RangeError);
  expect(() => median([])).toThrow(RangeError);
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
});

test('the interval of a median is that of the sign test', () => {
  const values = (n: number) => Array.from({ length: n }, (_, i) => n - i);
  // 2 P(B <= k) <= 0.05 for B of n fair coins: k is 0 up to n = 8, 1 from 9, 2 from 12, 5 at 20.
  expect([5, 6, 8, 9, 11, 12, 20].map((n) => medianInterval(values(n)))).toEqual([
    [1, 5],
    [1, 6],
    [1, 8],
    [2, 8],
    [2, 10],
    [3, 10],
    [6, 15],
  ]);
  expect(medianInterval([7])).toEqual([7, 7]);
  expect(() => medianInterval([])).toThrow(RangeError);
});

function block(step: number, msPerStep: number, controlMs: number): LongRunBlock {
  return { step, msPerStep, controlMs, live: { count: 3, bytes: 2 ** 20 }, loss: 4 - step / 1000 };
}

test('a slowdown of both the control and the steps is not drift', () => {
  const slowing = points.map((i) => block(100 * (i + 1), 10 + i, 5 + i / 2));
  expect(driftOf(slowing).slope).toBeCloseTo(0, 12);
  const leaking = points.map((i) => block(100 * (i + 1), 10 * Math.exp(i / 100), 5));
  expect(driftOf(leaking).slope).toBeCloseTo(1e-4, 12);
  const text = longRunText(
    'fp16',
    leaking,
    points.map((i) => (300 + i) * 2 ** 20),
  );
  expect(text).toContain('Drift      +10.52 % of step time in 1,000 steps (95 %: +10.52 to +10.52)');
  expect(text).toContain('1.0 MiB in 3 buffers after the first block, 1.0 MiB in 3 buffers after the last');
  expect(text).toContain('300.0 MiB resident after the first block, 359.0 MiB after the last');
});

test('buffers count from creation to destruction, and no longer after the watch', () => {
  const createBuffer = ({ size }: GPUBufferDescriptor) =>
    ({ size, destroy: () => undefined }) as unknown as GPUBuffer;
  const device = { createBuffer } as unknown as GPUDevice;
  const watch = watchBuffers(device);
  const [first] = [device.createBuffer({ size: 100, usage: 0 }), device.createBuffer({ size: 28, usage: 0 })];
  expect(watch.live()).toEqual({ count: 2, bytes: 128 });
  first.destroy();
  first.destroy();
  expect(watch.live()).toEqual({ count: 1, bytes: 28 });
  watch.stop();
  device.createBuffer({ size: 5, usage: 0 });
  expect(watch.live()).toEqual({ count: 1, bytes: 28 });
});
