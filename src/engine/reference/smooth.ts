/** Smooth-SwiGLU in f64 (arXiv 2409.12517): the oracle for shaders/smooth_scales.wgsl. */
import type { SmoothSwiglu } from '../precision/smoothSwiglu.ts';

/** The least power of two that no magnitude exceeds, at least 2^-126; 1 for zero and for what is not finite. */
export function powerAbove(largest: number): number {
  if (!(largest > 0) || !Number.isFinite(largest)) return 1;
  return 2 ** Math.min(126, Math.max(-126, Math.ceil(Math.log2(Math.fround(largest)))));
}

/**
 * What each element of the product (rows, hidden) is divided by; empty where nothing is.
 * @param pre (rows, 2 hidden): gate, then up
 */
export function smoothFactors(pre: ArrayLike<number>, rows: number, smooth: SmoothSwiglu): Float64Array {
  if (smooth === 'off') return new Float64Array(0);
  const hidden = pre.length / rows / 2;
  const factors = new Float64Array(rows * hidden);
  const groupOf = (row: number, channel: number) => (smooth === 'token' ? row : channel);
  const largest = new Float64Array(smooth === 'token' ? rows : hidden);
  const each = (visit: (i: number, group: number, up: number) => void) => {
    for (let row = 0; row < rows; row++) {
      for (let channel = 0; channel < hidden; channel++) {
        visit(row * hidden + channel, groupOf(row, channel), pre[(2 * row + 1) * hidden + channel]!);
      }
    }
  };
  each((_, group, up) => {
    largest[group] = Number.isNaN(up) ? up : Math.max(largest[group]!, Math.abs(up));
  });
  each((i, group) => {
    factors[i] = powerAbove(largest[group]!);
  });
  return factors;
}
