/** More would flatten the curve to a line. */
export const MAX_SMOOTHING = 0.99;

/**
 * Exponential moving average that gives the first values their full weight (no bias towards zero).
 * A gap (NaN) stays a gap and does not move the average.
 */
export class MovingAverage {
  readonly #keep: number;
  #sum = 0;
  #weight = 0;

  /** @param keep share of the past in each new value: 0 does not smooth, 0.99 looks back over some 100 values */
  constructor(keep: number) {
    this.#keep = keep;
  }

  push(value: number): number {
    if (Number.isNaN(value)) return value;
    this.#sum = this.#sum * this.#keep + value * (1 - this.#keep);
    this.#weight = this.#weight * this.#keep + (1 - this.#keep);
    return this.#sum / this.#weight;
  }
}

/** The first `count` values, smoothed. */
export function smooth(values: ArrayLike<number>, count: number, keep: number): Float64Array {
  const average = new MovingAverage(keep);
  const smoothed = new Float64Array(count);
  for (let i = 0; i < count; i++) smoothed[i] = average.push(values[i]!);
  return smoothed;
}
