import type { Program } from './program.ts';

/** Long enough that submission and timer do not show. */
const ENOUGH_MS = 20;
const REPEATS = 3;
const MOST_REPLAYS = 256;

/**
 * Seconds the GPU takes for one unit of work: the best of three submissions that each hold as many units as last
 * {@link ENOUGH_MS}, or `most`. Waits for the GPU a few times: never called in a run.
 * @param submit puts `units` of the work on the queue; called with ever larger numbers
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
    if (best >= ENOUGH_MS || units >= most) return best / 1000 / units;
    // One jump to what should suffice, but not so far that a first guess could hold the GPU for seconds.
    units = Math.min(most, units * Math.min(16, Math.ceil((1.5 * ENOUGH_MS) / Math.max(best, 0.01))));
  }
}

/** Seconds that one replay of `program` takes, as {@link secondsPerUnit}. */
export function secondsPerReplay(device: GPUDevice, program: Program, most: number): Promise<number> {
  return secondsPerUnit(device, (replays) => submitReplays(device, program, replays), most);
}

/** A program, and how often it is replayed in a submission that is timed. */
export interface Timed {
  readonly program: Program;
  readonly replays: number;
}

/** Replays that last {@link ENOUGH_MS} or a little longer. Waits for the GPU. */
export async function calibrate(device: GPUDevice, program: Program): Promise<Timed> {
  const seconds = await secondsPerReplay(device, program, MOST_REPLAYS);
  return { program, replays: Math.min(MOST_REPLAYS, Math.ceil(ENOUGH_MS / 1000 / seconds)) };
}

/** Seconds a replay of two programs, each timed `pairs` times, one after the other. Waits for the GPU at each. */
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
