/** How long work takes, on devices that report its end at once, and on one that looks for it ten times a second. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { secondsPerUnit, waitMs } from '../../src/engine/gpu/timing.ts';
import { KernelTimer } from '../../src/engine/kernels/kernelTiming.ts';

let clock = 0;
let busyUntil = 0;

beforeEach(() => {
  [clock, busyUntil] = [0, 0];
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
});
afterEach(() => {
  vi.restoreAllMocks();
});

function work(milliseconds: number): void {
  busyUntil = Math.max(busyUntil, clock) + milliseconds;
}

/** Looks for finished work every `tick` milliseconds of the clock. */
function deviceThatLooks(tick: number): GPUDevice {
  const queue = {
    submit: () => work(0.01),
    onSubmittedWorkDone: async () => {
      clock = (Math.floor(Math.max(busyUntil, clock) / tick) + 1) * tick;
    },
  };
  return { queue, createCommandEncoder: () => ({ finish: () => ({}) }) } as unknown as GPUDevice;
}

test.each([
  [0.05, 0.3],
  [0.05, 70],
  [100, 0.3],
  [100, 70],
  [100, 900],
  // A measurement takes four looks at least: the work ended at some time in the last of them, and half of it is taken off.
])('with a look every %s ms, a unit of %s ms is found within a sixth', async (tick, milliseconds) => {
  const device = deviceThatLooks(tick);
  expect(await waitMs(device)).toBeCloseTo(tick, 6);
  const seconds = await secondsPerUnit(device, (units) => work(units * milliseconds), 32_768);
  console.log(`${(1000 * seconds).toFixed(3)} ms for ${milliseconds} ms with a look every ${tick} ms`);
  expect(Math.abs((1000 * seconds) / milliseconds - 1)).toBeLessThanOrEqual(1 / 6);
});

test('work that is too short to be seen is not taken for faster than it can be', async () => {
  const seconds = await secondsPerUnit(deviceThatLooks(100), (units) => work(units * 1e-6), 256);
  expect(256 * seconds).toBeCloseTo(0.05);
});

test('kernels are not told apart where a wait is longer than what is timed', async () => {
  const device = deviceThatLooks(100);
  const timer = new KernelTimer({ device } as ConstructorParameters<typeof KernelTimer>[0]);
  const dispatch = {} as Parameters<KernelTimer['seconds']>[0][number]['dispatch'];
  expect(await timer.seconds([{ dispatch, weight: 1 }])).toBeNull();
});
