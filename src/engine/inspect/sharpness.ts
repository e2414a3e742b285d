/**
 * Loss-landscape sharpness of an autoregressive model, in its logits: the metric of Keskar et al. (2017) with the identity
 * for A, as arXiv 2405.18710 applies it. The paper's epsilon is not known to us: both of Keskar's are reported.
 */

import { finite } from '../core/finite.ts';
import { SHARPNESS_WIDTH } from '../kernels/rows.ts';

export interface SharpnessMetrics {
  readonly step: number;
  /** Mean over all positions at epsilon 1e-3, in percent of 1 + loss; null where a logit is not finite. */
  readonly sharpness: number | null;
  /** The same at epsilon 5e-4. */
  readonly sharpnessHalf: number | null;
  /** Means over the last position of each window. */
  readonly sharpnessLast: number | null;
  readonly sharpnessHalfLast: number | null;
  /** Mean over all positions of the largest |logit|: sharpness grows with the logits, and is to be read beside it. */
  readonly maxLogit: number | null;
}

/**
 * @param rows (B * T, 4) of shaders/logit_sharpness.wgsl
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
