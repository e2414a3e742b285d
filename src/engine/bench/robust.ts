/** Robust statistics of measurements, which a few outliers do not change: slope, median and their confidence intervals. */

export interface Slope {
  /** Median of the slopes between all pairs of points (Theil-Sen), in units of y per unit of x. */
  readonly slope: number;
  /** 95 % confidence interval of the slope, from the distribution of Kendall's rank statistic. */
  readonly low: number;
  readonly high: number;
}

/** 97.5 % quantile of the standard normal distribution. */
const Z = 1.96;

/**
 * Theil-Sen slope of `y` over `x`, whose values must be distinct.
 * @throws RangeError with fewer than three points
 */
export function theilSen(x: readonly number[], y: readonly number[]): Slope {
  const n = x.length;
  if (n < 3 || y.length !== n) throw new RangeError(`A slope needs at least three points, not ${n}`);
  const slopes: number[] = [];
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) slopes.push((y[j]! - y[i]!) / (x[j]! - x[i]!));
  }
  slopes.sort((a, b) => a - b);
  const spread = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const last = slopes.length - 1;
  const low = Math.max(0, Math.floor((slopes.length - spread) / 2));
  const high = Math.min(last, Math.ceil((slopes.length + spread) / 2));
  return { slope: median(slopes), low: slopes[low]!, high: slopes[high]! };
}

/** @throws RangeError when there are no values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('The median of no values is undefined');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Least probability that an interval contains the median. */
const CONFIDENCE = 0.95;

/**
 * The narrowest pair of ranks, as far from the lowest value as from the highest, that contains the median of the
 * distribution with 95 % probability (sign test, exact binomial); lowest and highest value where there are too few for that.
 * @throws RangeError when there are no values
 */
export function medianInterval(values: readonly number[]): [low: number, high: number] {
  if (values.length === 0) throw new RangeError('The median of no values is undefined');
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  // The probability that the median lies below the value at index k, from the first summand (1/2)^n on.
  let rank = 0;
  let summand = 2 ** -n;
  let below = summand;
  for (let k = 1; k < n / 2; k++) {
    summand *= (n - k + 1) / k;
    below += summand;
    if (2 * below > 1 - CONFIDENCE) break;
    rank = k;
  }
  return [sorted[rank]!, sorted[n - 1 - rank]!];
}
