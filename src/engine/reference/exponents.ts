import { BINS } from '../kernels/numerics.ts';

/** Counts of biased exponents of f32 bit patterns: the oracle for shaders/exponent_histogram.wgsl. */
export function exponentHistogram(bits: Iterable<number>): Uint32Array {
  const counts = new Uint32Array(BINS);
  for (const pattern of bits) {
    const magnitude = pattern & 0x7fffffff;
    // Subnormal f32 share the bin of the smallest normal ones; bin 0 is for exact zeros.
    counts[magnitude === 0 ? 0 : Math.max(1, magnitude >>> 23)]! += 1;
  }
  return counts;
}
