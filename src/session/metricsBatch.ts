import { type EvalMetrics, type SharpnessMetrics, type StepMetrics, TrainingClock } from '../engine/index.ts';
import type { TimedStep } from './protocol.ts';

/** At most ten messages a second: a fast run finishes thousands of steps in one. */
const INTERVAL_MS = 100;

export type Send = (
  steps: readonly TimedStep[],
  evals: readonly EvalMetrics[],
  sharpness: readonly SharpnessMetrics[],
) => void;

/** Collects a run's metrics, adds the training time and sends them in batches. */
export class MetricsBatch {
  readonly #send: Send;
  #steps: TimedStep[] = [];
  #evals: EvalMetrics[] = [];
  #sharpness: SharpnessMetrics[] = [];
  #lastSent = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #clock = new TrainingClock();
  /** Milliseconds of training before this visit. */
  readonly #before: number;

  constructor(send: Send, before = 0) {
    this.#send = send;
    this.#before = before;
  }

  /** @returns the step with its training time */
  addStep(step: StepMetrics): TimedStep {
    const timed = { ...step, time: this.#before + this.#clock.step() };
    this.#steps.push(timed);
    this.#schedule();
    return timed;
  }

  addEval(result: EvalMetrics): void {
    this.excludeElapsed();
    this.#evals.push(result);
    this.#schedule();
  }

  addSharpness(result: SharpnessMetrics): void {
    this.excludeElapsed();
    this.#sharpness.push(result);
    this.#schedule();
  }

  /** Excludes the time since the last step from the training time. */
  excludeElapsed(): void {
    this.#clock.excludeSinceStep();
  }

  pause(): void {
    this.#clock.pause();
  }

  resume(): void {
    this.#clock.resume();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#steps.length + this.#evals.length + this.#sharpness.length === 0) return;
    this.#lastSent = performance.now();
    this.#send(this.#steps, this.#evals, this.#sharpness);
    this.#steps = [];
    this.#evals = [];
    this.#sharpness = [];
  }

  #schedule(): void {
    const wait = this.#lastSent + INTERVAL_MS - performance.now();
    if (wait <= 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), wait);
  }
}
