import { randomBits, streamOf } from '../core/rng.ts';

/** The random numbers of a window: the seed of its step and its index in it. */
export interface WindowPlace {
  readonly seed: number;
  readonly index: number;
}

interface DroppedBatch {
  readonly T: number;
  /** One a window; nothing is dropped without them. */
  readonly windows?: readonly WindowPlace[] | undefined;
}

/**
 * `values` (B * T, C) with a share of `rate` set to zero and the others divided by the share that is kept. The gradient goes
 * through the same function.
 * @param place the name of the layer whose output it is
 */
export function dropped(
  rate: number | undefined,
  { T, windows }: DroppedBatch,
  place: string,
  values: Float64Array,
  C: number,
): Float64Array {
  if (!rate || !windows) return values;
  const threshold = Math.round(rate * 2 ** 32);
  return values.map((x, i) => {
    const row = Math.floor(i / C);
    const { seed, index } = windows[Math.floor(row / T)]!;
    const ofWindow = randomBits(index, (seed ^ streamOf(place)) >>> 0);
    return randomBits((row % T) * C + (i % C), ofWindow) < threshold ? 0 : x / (1 - rate);
  });
}
