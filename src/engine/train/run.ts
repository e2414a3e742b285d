import type { RunSummary } from './metrics.ts';
import { type RunEvents, SteppedRun } from './steppedRun.ts';
import type { Trainer } from './trainer.ts';

/** Pauses, resumes and stops training; each takes effect at the next step boundary. */
export class RunControl {
  /** Resolves when training is stopped. */
  readonly untilStopped: Promise<void>;
  #stopped = false;
  #abandoned = false;
  #resume: (() => void) | undefined;
  #paused: Promise<void> | undefined;
  #end: () => void = () => {};

  constructor() {
    this.untilStopped = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Whether training was stopped without a final evaluation. */
  get abandoned(): boolean {
    return this.#abandoned;
  }

  get paused(): boolean {
    return this.#paused !== undefined;
  }

  pause(): void {
    if (this.#stopped) return;
    this.#paused ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#paused = undefined;
    this.#resume?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#end();
    this.resume();
  }

  abandon(): void {
    this.#abandoned = true;
    this.stop();
  }

  /** Resolves as soon as training is not paused. */
  async whileRunning(): Promise<void> {
    while (this.#paused) await this.#paused;
  }
}

/**
 * Trains until the configured number of steps, a stop, or a failure, and evaluates at intervals and at the end.
 * Metrics are delivered as they arrive. Only evaluation and pauses wait for the GPU.
 * @throws TooManySkipsError in modes without a dynamic loss scale
 * @throws EngineError DEVICE_LOST or GPU_VALIDATION, the first fault of the device
 */
export async function runTraining(
  trainer: Trainer,
  events: RunEvents,
  control: RunControl = new RunControl(),
): Promise<RunSummary> {
  const run = new SteppedRun(trainer, events);
  try {
    while (!run.isOver && !control.stopped) {
      if (control.paused) {
        await run.settle();
        await run.boundary();
        await control.whileRunning();
      } else {
        await run.advance();
      }
    }
    return await run.finish(!control.abandoned);
  } catch (error) {
    // A failed readback does not say why it failed; the fault of the device does.
    throw trainer.faults.explain(error);
  }
}
