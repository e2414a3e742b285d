/** Times kernels on what a step of the run dispatches, within a limit. */
import { EngineError } from '../core/errors.ts';
import { Arena } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { type Dispatch, type Operation, type Target, tensorsOf, variantKey } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import { secondsPerReplay, waitMs } from '../gpu/timing.ts';

export interface Gpu {
  readonly device: GPUDevice;
  readonly pipelines: PipelineCache;
  readonly report: AdapterReport;
}

/** Makes the operations of a step, or others whose speed decides, for a target. Nothing is dispatched that the target does not have. */
export type Sample = (target: Target) => readonly Operation[];

/** A dispatch that stands for those of a step that do the same on other shapes. */
export interface Weighed {
  readonly dispatch: Dispatch;
  /** Work of all of them over that of the dispatch. */
  readonly weight: number;
}

/** Of the dispatches that `isMeant` selects the largest of each kernel and layout. */
export function largestOfEach(
  operations: readonly Operation[],
  isMeant: (dispatch: Dispatch) => boolean,
): Weighed[] {
  const groups = new Map<string, { largest: Dispatch; flops: number }>();
  for (const operation of operations) {
    if (operation.kind !== 'dispatch' || !isMeant(operation)) continue;
    const flops = flopsOf(operation);
    const key = groupOf(operation);
    const group = groups.get(key);
    if (!group) groups.set(key, { largest: operation, flops });
    else {
      group.flops += flops;
      if (flops > flopsOf(group.largest)) group.largest = operation;
    }
  }
  return [...groups.values()].map(({ largest, flops }) => ({
    dispatch: largest,
    weight: flops / flopsOf(largest),
  }));
}

/** Equal for dispatches that count as work on the same kernel: of matmuls the layout decides, and not what is fused. */
function groupOf({ variant: { kernel, conditions } }: Dispatch): string {
  const { aTransposed, bTransposed } = conditions;
  return JSON.stringify([kernel, kernel.startsWith('matmul') ? { aTransposed, bTransposed } : conditions]);
}

/** Dispatches without a number are alike. */
function flopsOf({ flops = 1 }: Dispatch): number {
  return flops;
}

/** Equal for samples that are timed on the same dispatches. */
export function keyOf(weighed: readonly Weighed[]): string {
  return JSON.stringify(
    weighed.map(({ dispatch: { variant, uniforms, grid }, weight }) => [
      variantKey(variant),
      uniforms,
      grid,
      weight,
    ]),
  );
}

/** Measurements begin within this time at the start of a run. */
const BUDGET_MS = 2000;
/** Submissions that a measurement takes at least, after the first. */
const SUBMISSIONS = 3;
const MOST_REPLAYS = 64;
/** Where a wait takes longer, the budget does not suffice to tell kernels apart. */
const MOST_WAIT_MS = 20;

export class KernelTimer {
  readonly #gpu: Gpu;
  readonly #deadline: number;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.#deadline = performance.now() + BUDGET_MS;
  }

  /** Returns the seconds that a step spends in these dispatches; null where time or memory does not allow it. Waits for the GPU. */
  async seconds(sample: readonly Weighed[]): Promise<number | null> {
    let total = 0;
    for (const { dispatch, weight } of sample) {
      const seconds = performance.now() < this.#deadline ? await this.#secondsOf(dispatch) : null;
      if (seconds === null) return null;
      total += weight * seconds;
    }
    return total;
  }

  async #secondsOf(dispatch: Dispatch): Promise<number | null> {
    const { device, pipelines } = this.#gpu;
    if ((await waitMs(device)) > MOST_WAIT_MS) return null;
    let arena: Arena | undefined;
    try {
      arena = await Arena.allocate(device, tensorsOf([dispatch]));
      const program = await Program.compile(device, pipelines, arena, 'kernel choice', [dispatch]);
      // Drivers put work off until a pipeline is used: the second submission tells how long one takes.
      for (let i = 0; i < 2; i++) {
        const start = performance.now();
        program.submit(Number.POSITIVE_INFINITY);
        await device.queue.onSubmittedWorkDone();
        const end = performance.now();
        if (end + SUBMISSIONS * (end - start) > this.#deadline) return null;
      }
      const seconds = await secondsPerReplay(device, program, MOST_REPLAYS);
      program.destroy();
      return seconds;
    } catch (error) {
      if (error instanceof EngineError && error.code === 'OUT_OF_MEMORY') return null;
      throw error;
    } finally {
      arena?.destroy();
    }
  }
}
