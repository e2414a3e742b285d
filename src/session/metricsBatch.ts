import type { EvalMetrics, StepMetrics } from '../engine/train/metrics.ts';
import type { TimedStep } from './protocol.ts';

/** At most ten messages a second: a fast run finishes thousands of steps in one. */
const INTERVAL_MS = 100;

type Send = (steps: readonly TimedStep[], evals: readonly EvalMetrics[]) => void;

/** Collects a run's metrics, stamps them with training time and passes them on in batches. */
export class MetricsBatch {
  readonly #send: Send;
  #steps: TimedStep[] = [];
  #evals: EvalMetrics[] = [];
  #lastSent = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When training time was zero; moves forward by whatever is not training. */
  #origin = performance.now();
  #lastStep = this.#origin;
  #pausedAt: number | null = null;

  constructor(send: Send) {
    this.#send = send;
  }

  addStep(step: StepMetrics): void {
    this.#lastStep = performance.now();
    this.#steps.push({ ...step, time: (this.#pausedAt ?? this.#lastStep) - this.#origin });
    this.#schedule();
  }

  addEval(result: EvalMetrics): void {
    this.rested();
    this.#evals.push(result);
    this.#schedule();
  }

  /** What passed since the last step went into something else than training, such as an evaluation or a sample. */
  rested(): void {
    const end = this.#pausedAt ?? performance.now(); // `resume` leaves the rest out
    this.#origin += end - this.#lastStep;
    this.#lastStep = end;
  }

  pause(): void {
    this.#pausedAt ??= performance.now();
  }

  resume(): void {
    if (this.#pausedAt === null) return;
    const pause = performance.now() - this.#pausedAt;
    this.#origin += pause;
    this.#lastStep += pause;
    this.#pausedAt = null;
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#steps.length === 0 && this.#evals.length === 0) return;
    this.#lastSent = performance.now();
    this.#send(this.#steps, this.#evals);
    this.#steps = [];
    this.#evals = [];
  }

  #schedule(): void {
    const wait = this.#lastSent + INTERVAL_MS - performance.now();
    if (wait <= 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), wait);
  }
}
