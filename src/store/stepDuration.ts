/** Measures how long steps take, from the arrival of their figures. */
import { WARM_UP_STEPS } from '../engine/index.ts';

const SPEED_WINDOW = 20;
/**
 * Figures of up to this many steps arrive together (engine/gpu/readbackRing.ts), so that single intervals may be zero.
 */
const ARRIVE_TOGETHER = 4;

/** Median duration of the last 20 steps, from the arrival times of their figures. */
export class StepDuration {
  readonly #arrivals: { readonly time: number; readonly step: number }[] = [];
  readonly #durations = new RunningMedian();
  #count = 0;

  /**
   * @param time milliseconds of training after which a step's figures arrived
   * @param step its number: the log of a resumed run does not hold every step
   * @returns milliseconds per step; NaN during warm-up
   */
  push(time: number, step: number): number {
    this.#count += 1;
    if (this.#count < WARM_UP_STEPS) return Number.NaN;
    this.#arrivals.push({ time, step });
    if (this.#arrivals.length === 1) return Number.NaN;
    const [first] = this.#arrivals;
    const duration = (time - first!.time) / (step - first!.step);
    if (this.#arrivals.length > ARRIVE_TOGETHER) this.#arrivals.shift();
    return this.#durations.push(duration);
  }
}

/** Median GPU time of the last 20 steps. */
export class GpuDuration {
  readonly #durations = new RunningMedian();
  #count = 0;

  /** @returns milliseconds; NaN during warm-up, and while one of the last 20 steps is NaN */
  push(milliseconds: number): number {
    this.#count += 1;
    return this.#count <= WARM_UP_STEPS ? Number.NaN : this.#durations.push(milliseconds);
  }
}

/** Median of the newest values. */
class RunningMedian {
  readonly #values: number[] = [];

  push(value: number): number {
    this.#values.push(value);
    if (this.#values.length > SPEED_WINDOW) this.#values.shift();
    return this.#values.some(Number.isNaN) ? Number.NaN : median(this.#values);
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
