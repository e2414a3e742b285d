/** Seeded contents for test tensors. */
import { normalAt, uniformAt } from '../../../src/engine/core/rng.ts';

/** Standard normal values times `scale`. */
export function normal(count: number, seed: number, scale = 1): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => scale * normalAt(i, seed));
}

/** Values picked at random from a list. */
export function picked(count: number, seed: number, values: readonly number[]): Float64Array {
  return Float64Array.from(
    { length: count },
    (_, i) => values[Math.floor(uniformAt(i, seed) * values.length)]!,
  );
}

/** Whole numbers below `bound`. */
export function indices(count: number, seed: number, bound: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => Math.floor(uniformAt(i, seed) * bound));
}

/** The ends of f16's range: largest, smallest normal, subnormals, zeros of both signs. */
export const F16_EDGES = [
  65504,
  -65504,
  32768,
  2 ** -14,
  -(2 ** -14),
  1023 * 2 ** -24,
  2 ** -24,
  -(2 ** -24),
  0,
  -0,
  1,
];
