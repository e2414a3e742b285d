/** A larger value would flatten the curve to a line. */
export const MAX_SMOOTHING = 0.99;

/**
 * Exponential moving average that gives the first values their full weight (no bias towards zero).
 * A gap (NaN) stays a gap and does not move the average.
 */
export class MovingAverage {
  readonly #keep: number;
  #sum = 0;
  #weight = 0;

  /** @param keep weight of the past in each new value: 0 does not smooth, 0.99 averages over about 100 values */
  constructor(keep: number) {
    this.#keep = keep;
  }

  /** @param steps since the previous value: the history does not hold every step of a run */
  push(value: number, steps = 1): number {
    if (Number.isNaN(value)) return value;
    const keep = this.#keep ** steps;
    this.#sum = this.#sum * keep + value * (1 - keep);
    this.#weight = this.#weight * keep + (1 - keep);
    return this.#sum / this.#weight;
  }
}

/** The first `count` values, smoothed. `steps` has the step of each. */
export function smooth(
  values: ArrayLike<number>,
  steps: ArrayLike<number>,
  count: number,
  keep: number,
): Float64Array {
  const average = new MovingAverage(keep);
  const smoothed = new Float64Array(count);
  for (let i = 0; i < count; i++)
    smoothed[i] = average.push(values[i]!, i > 0 ? steps[i]! - steps[i - 1]! : 1);
  return smoothed;
}
