import type { Program } from './program.ts';

/** A measurement must take this long, so that submission costs and timer resolution do not matter. */
const MIN_MS = 20;
const REPEATS = 3;
const MAX_REPLAYS = 256;

/**
 * Measures the seconds that the GPU takes for one unit of work: the best of three submissions, each with enough units to
 * take {@link MIN_MS}, or with `most` units. It waits for the GPU several times, so it is never called between steps.
 * @param submit submits `units` of the work; called with increasing numbers
 */
export async function secondsPerUnit(
  device: GPUDevice,
  submit: (units: number) => void | Promise<void>,
  most: number,
): Promise<number> {
  let units = 1;
  for (;;) {
    let best = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      await device.queue.onSubmittedWorkDone();
      const start = performance.now();
      await submit(units);
      await device.queue.onSubmittedWorkDone();
      best = Math.min(best, performance.now() - start);
    }
    if (best >= MIN_MS || units >= most) return best / 1000 / units;
    // Jumps to the number that should suffice, but by at most a factor of 16, so that a wrong first measurement cannot
    // occupy the GPU for seconds.
    units = Math.min(most, units * Math.min(16, Math.ceil((1.5 * MIN_MS) / Math.max(best, 0.01))));
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

/** Finds the number of replays that take about {@link MIN_MS}. Waits for the GPU. */
export async function calibrate(device: GPUDevice, program: Program): Promise<Timed> {
  const seconds = await secondsPerReplay(device, program, MAX_REPLAYS);
  return { program, replays: Math.min(MAX_REPLAYS, Math.ceil(MIN_MS / 1000 / seconds)) };
}

/** Measures the seconds per replay of two programs `pairs` times, alternating between them. Waits for the GPU each time. */
export async function secondsInTurns(
  device: GPUDevice,
  both: readonly [Timed, Timed],
  pairs: number,
): Promise<[number, number][]> {
  const time = async ({ program, replays }: Timed): Promise<number> => {
    const start = performance.now();
    submitReplays(device, program, replays);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / 1000 / replays;
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
