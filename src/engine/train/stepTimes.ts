/** How long the steps of a run take, on the clock and on the GPU. */
import type { StepMetrics } from './metrics.ts';

/** Wall time of the counted steps, without evaluation, sampling and pauses. */
export class Stopwatch {
  #milliseconds = 0;
  #steps = 0;
  #startedAt: number | undefined;

  get running(): boolean {
    return this.#startedAt !== undefined;
  }

  start(): void {
    this.#startedAt = performance.now();
  }

  count(): void {
    if (this.#startedAt !== undefined) this.#steps += 1;
  }

  /** The GPU must have finished every counted step. */
  stop(): void {
    if (this.#startedAt === undefined) return;
    this.#milliseconds += performance.now() - this.#startedAt;
    this.#startedAt = undefined;
  }

  get msPerStep(): number | null {
    return this.#steps > 0 ? this.#milliseconds / this.#steps : null;
  }
}

/** Mean GPU time of the steps after the warm-up. */
export class GpuTime {
  #milliseconds = 0;
  #steps = 0;
  #complete = true;

  add({ gpuMs }: StepMetrics): void {
    if (gpuMs === null) this.#complete = false;
    else this.#milliseconds += gpuMs;
    this.#steps += 1;
  }

  /** Null if any step lacks a time, because the mean of the others would be biased. */
  get msPerStep(): number | null {
    return this.#complete && this.#steps > 0 ? this.#milliseconds / this.#steps : null;
  }
}
