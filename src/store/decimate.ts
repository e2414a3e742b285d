/** Most points of a drawn line: the time of a redraw grows with them. */
export const MAX_POINTS = 400;

/**
 * Indexes of the points to draw for `count` values: the smallest and the largest of every bucket, so that no spike is
 * lost, and the last. Bucket sizes are powers of two from a fixed origin: a drawn point stays drawn while values are
 * added, until the bucket size doubles.
 *
 * NaN (a loss that was not finite) is left out, but a bucket of nothing else keeps one point, which draws as a gap.
 */
export function decimate(values: ArrayLike<number>, count: number, maxPoints = MAX_POINTS): number[] {
  if (count <= maxPoints) return Array.from({ length: count }, (_, i) => i);
  const buckets = Math.floor((maxPoints - 1) / 2);
  const size = 2 ** Math.ceil(Math.log2(count / buckets));
  return keepExtremes(values, count, (start) => start + size);
}

/** Buckets in each doubling of the index: enough for four million values to stay within 400 points. */
const BUCKETS_IN_OCTAVE = 9;

/**
 * Like `decimate`, for a logarithmic axis: buckets grow with their index, so that all are equally wide when drawn. They
 * do not depend on `count`.
 */
export function decimateLog(values: ArrayLike<number>, count: number): number[] {
  const growth = 2 ** (1 / BUCKETS_IN_OCTAVE);
  return keepExtremes(values, count, (start) => Math.max(start + 1, Math.ceil((start + 1) * growth) - 1));
}

function keepExtremes(
  values: ArrayLike<number>,
  count: number,
  nextBucket: (start: number) => number,
): number[] {
  const kept: number[] = [];
  for (let start = 0; start < count; ) {
    const next = nextBucket(start);
    const [low, high] = extremes(values, start, Math.min(next, count));
    kept.push(Math.min(low, high));
    if (low !== high) kept.push(Math.max(low, high));
    start = next;
  }
  if (count > 0 && kept.at(-1) !== count - 1) kept.push(count - 1);
  return kept;
}

function extremes(values: ArrayLike<number>, start: number, end: number): [low: number, high: number] {
  let low = start;
  let high = start;
  for (let i = start + 1; i < end; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    if (Number.isNaN(values[low]!) || value < values[low]!) low = i;
    if (Number.isNaN(values[high]!) || value > values[high]!) high = i;
  }
  return [low, high];
}

/** Indexes at which a step line must have a point: where the value changes, and both ends. */
export function changePoints(values: ArrayLike<number>, count: number, maxPoints = MAX_POINTS): number[] {
  const kept: number[] = [];
  for (let i = 0; i < count; i++) {
    if (i === 0 || i === count - 1 || values[i] !== values[i - 1]) kept.push(i);
    if (kept.length > maxPoints) return decimate(values, count, maxPoints);
  }
  return kept;
}

/** At most `maxPoints` of `items`, evenly spread over the list, including the first and the last. */
export function thin<T>(items: readonly T[], maxPoints = MAX_POINTS): readonly T[] {
  if (items.length <= maxPoints) return items;
  const stride = (items.length - 1) / (maxPoints - 1);
  return Array.from({ length: maxPoints }, (_, i) => items[Math.round(i * stride)]!);
}
