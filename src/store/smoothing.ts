/** A larger value would flatten the curve to a line. */
export const MAX_SMOOTHING = 0.99;

/** Smoothing of a run of so many steps, while none is chosen: over about a hundredth of the run, to both sides. */
export function smoothingOf(steps: number): number {
  return 1 - 1 / Math.min(25, Math.max(2.5, steps / 100));
}

/**
 * The first `count` values, each averaged with those before and after it, so that the curve does not lag behind a
 * falling loss. Only the newest values have none after them. A gap (NaN) stays a gap and does not move the average.
 * @param steps the step of each value, which also weighs for the steps since the one before: the history does not hold
 * every step of a run
 * @param keep the share of its weight that a value keeps with each step of distance: 0 does not smooth
 */
export function smooth(
  values: ArrayLike<number>,
  steps: ArrayLike<number>,
  count: number,
  keep: number,
): Float64Array {
  const sums = new Float64Array(count);
  const weights = new Float64Array(count);
  const add = (from: number, to: number, by: number) => {
    let [sum, weight] = [0, 0];
    for (let i = from; i !== to; i += by) {
      const kept = i === from ? 0 : keep ** Math.abs(steps[i]! - steps[i - by]!);
      [sum, weight] = [sum * kept, weight * kept];
      // Values on one side so far; the value itself is added once, on the way back.
      sums[i]! += sum;
      weights[i]! += weight;
      const own = widthOf(values, steps, i);
      if (own === 0) continue;
      sum += own * values[i]!;
      weight += own;
      if (by > 0) continue;
      sums[i]! += own * values[i]!;
      weights[i]! += own;
    }
  };
  add(0, count, 1);
  add(count - 1, -1, -1);
  return sums.map((sum, i) => (Number.isNaN(values[i]!) ? Number.NaN : sum / weights[i]!));
}

/** The steps that a value stands for; 0 for a gap. */
function widthOf(values: ArrayLike<number>, steps: ArrayLike<number>, i: number): number {
  if (Number.isNaN(values[i]!)) return 0;
  return i === 0 ? 1 : steps[i]! - steps[i - 1]!;
}
