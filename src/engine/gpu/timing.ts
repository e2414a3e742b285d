import type { Program } from './program.ts';

/** A measurement must take this long, so that submission costs and timer resolution do not matter. */
const MIN_MS = 20;
/** It must also take so many times as long as a wait for nothing. */
const MIN_WAITS = 4;
const REPEATS = 3;
const MAX_REPLAYS = 256;

const waits = new WeakMap<GPUDevice, Promise<number>>();

/**
 * Milliseconds until an empty submission is reported as done, measured at the first call for a device. It is a fraction of a
 * millisecond in most browsers and 100 in Firefox, which looks for finished work ten times a second.
 */
export function waitMs(device: GPUDevice): Promise<number> {
  let wait = waits.get(device);
  if (!wait) {
    wait = measureWait(device);
    waits.set(device, wait);
    wait.catch(() => waits.delete(device)); // a later call may succeed
  }
  return wait;
}

/** The median, since one wait may be short by chance. */
async function measureWait(device: GPUDevice): Promise<number> {
  await device.queue.onSubmittedWorkDone();
  const measured: number[] = [];
  while (measured.length < REPEATS) {
    measured.push(await elapsed(device, () => device.queue.submit([device.createCommandEncoder().finish()])));
  }
  return measured.sort((a, b) => a - b)[(REPEATS - 1) / 2]!;
}

/** Milliseconds until submitted work is reported as done. The GPU must be idle before. */
async function elapsed({ queue }: GPUDevice, submit: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await submit();
  await queue.onSubmittedWorkDone();
  return performance.now() - start;
}

/** Milliseconds of work that was reported as done after `total`: on average half of a wait passes after its end. */
function workMs(total: number, wait: number): number {
  return Math.max(total - wait / 2, total / 2);
}

/** Milliseconds that a measurement must take. */
function leastMs(wait: number): number {
  return Math.max(MIN_MS, MIN_WAITS * wait);
}

/**
 * Measures the seconds that the GPU takes for one unit of work: the best of three submissions, each with enough units for
 * {@link leastMs}, or with `most` units. It waits for the GPU several times, so it is never called between steps.
 * @param submit submits `units` of the work; called with increasing numbers
 */
export async function secondsPerUnit(
  device: GPUDevice,
  submit: (units: number) => void | Promise<void>,
  most: number,
): Promise<number> {
  const wait = await waitMs(device);
  const least = leastMs(wait);
  await device.queue.onSubmittedWorkDone();
  let units = 1;
  for (;;) {
    let best = await elapsed(device, () => submit(units));
    for (let repeat = 1; repeat < REPEATS && (best >= least || units >= most); repeat++) {
      best = Math.min(best, await elapsed(device, () => submit(units)));
    }
    if (best >= least || units >= most) return workMs(best, wait) / 1000 / units;
    // Jumps to the number that should suffice, but by at most a factor of 16, so that a wrong first measurement cannot
    // occupy the GPU for seconds.
    units = Math.min(most, units * Math.min(16, Math.ceil((1.5 * least) / Math.max(best - wait, 0.01))));
  }
}

/** Measures the seconds of one replay of `program`, as {@link secondsPerUnit}. */
export function secondsPerReplay(device: GPUDevice, program: Program, most: number): Promise<number> {
  return secondsPerUnit(device, (replays) => submitReplays(device, program, replays), most);
}

/** A program, and the number of its replays in one timed submission. */
export interface Timed {
  readonly program: Program;
  readonly replays: number;
}

/** Finds the number of replays that take about {@link leastMs}. Waits for the GPU. */
export async function calibrate(device: GPUDevice, program: Program): Promise<Timed> {
  const seconds = await secondsPerReplay(device, program, MAX_REPLAYS);
  const least = leastMs(await waitMs(device));
  return { program, replays: Math.min(MAX_REPLAYS, Math.ceil(least / 1000 / seconds)) };
}

/** Measures the seconds per replay of two programs `pairs` times, alternating between them. Waits for the GPU each time. */
export async function secondsInTurns(
  device: GPUDevice,
  both: readonly [Timed, Timed],
  pairs: number,
): Promise<[number, number][]> {
  const wait = await waitMs(device);
  const time = async ({ program, replays }: Timed): Promise<number> => {
    const total = await elapsed(device, () => submitReplays(device, program, replays));
    return workMs(total, wait) / 1000 / replays;
  };
  await device.queue.onSubmittedWorkDone();
  const measured: [number, number][] = [];
  while (measured.length < pairs) measured.push([await time(both[0]), await time(both[1])]);
  return measured;
}

function submitReplays(device: GPUDevice, program: Program, replays: number): void {
  const encoder = device.createCommandEncoder({ label: program.label });
  for (let i = 0; i < replays; i++) program.encode(encoder);
  device.queue.submit([encoder.finish()]);
}
