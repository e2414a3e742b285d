import { expect } from 'vitest';
import { normalAt } from '../../../src/engine/core/rng.ts';

/** `count` normal numbers of standard deviation `std`, the same every time for a seed. */
export function normals(count: number, seed: number, std = 1, mean = 0): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => mean + std * normalAt(i, seed));
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** df/dx[i] by the five-point rule: error h^4, some 1e-10 relative for smooth f of order 1. */
export function slope(f: () => number, x: Float64Array, i: number, h = 1e-3): number {
  const at = x[i]!;
  const value = (offset: number) => {
    x[i] = at + offset;
    return f();
  };
  const result = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h);
  x[i] = at;
  return result;
}

/**
 * Expects `gradient` to be df/dx at `indices` (default: all), within `tolerance` relative, and 1e-3 of
 * that relative to the largest entry for those that are nearly zero.
 */
export function expectGradient(
  name: string,
  f: () => number,
  x: Float64Array,
  gradient: ArrayLike<number>,
  options: { indices?: Iterable<number>; tolerance?: number; h?: number } = {},
): void {
  const { tolerance = 1e-6, h } = options;
  expect(gradient.length, name).toBe(x.length);
  const largest = Math.max(...Array.from(gradient, Math.abs));
  for (const i of options.indices ?? x.keys()) {
    const numeric = slope(f, x, i, h);
    const bound = tolerance * (Math.abs(numeric) + 1e-3 * largest) + 1e-12;
    expect(Math.abs(gradient[i]! - numeric), `${name}[${i}]: ${gradient[i]} against ${numeric}`).toBeLessThan(
      bound,
    );
  }
}
