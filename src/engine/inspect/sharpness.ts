/**
 * Sharpness of an autoregressive model's loss with respect to its logits: the metric of Keskar et al. (2017) with A = I,
 * as used in arXiv 2405.18710. That paper does not state its epsilon, so both values of Keskar et al. are reported.
 */

import { finite } from '../core/finite.ts';
import { SHARPNESS_WIDTH } from '../kernels/rows.ts';

export interface SharpnessMetrics {
  readonly step: number;
  /** Mean over all positions at epsilon 1e-3, in percent of 1 + loss; null when a logit is not finite. */
  readonly sharpness: number | null;
  /** The same at epsilon 5e-4. */
  readonly sharpnessHalf: number | null;
  /** Means over the last position of each window. */
  readonly sharpnessLast: number | null;
  readonly sharpnessHalfLast: number | null;
  /** Mean over all positions of the largest |logit|. Sharpness grows with the logits, so it is reported alongside. */
  readonly maxLogit: number | null;
}

/**
 * @param rows (B * T, 4) as written by shaders/logit_sharpness.wgsl
 * @param context T
 */
export function sharpnessOf(step: number, rows: Float32Array, context: number): SharpnessMetrics {
  const mean = (column: number, wanted: (row: number) => boolean): number | null => {
    let sum = 0;
    let count = 0;
    for (let row = 0; row * SHARPNESS_WIDTH < rows.length; row++) {
      if (!wanted(row)) continue;
      sum += rows[row * SHARPNESS_WIDTH + column]!;
      count += 1;
    }
    return finite(sum / count);
  };
  const everywhere = () => true;
  const last = (row: number) => row % context === context - 1;
  return {
    step,
    sharpness: mean(1, everywhere),
    sharpnessHalf: mean(0, everywhere),
    sharpnessLast: mean(1, last),
    sharpnessHalfLast: mean(0, last),
    maxLogit: mean(2, everywhere),
  };
}
