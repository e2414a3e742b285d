/**
 * Compound loss scaling (Bjorck et al. 2021, arXiv 2102.13565): gradients are never divided by the loss scale, and the moments are
 * kept in its units. See shaders/lib/scaled_units.wgsl.
 */
import type { Operand } from '../../gpu/tensor.ts';
import { largestFinite } from '../../precision/formats.ts';
import type { MomentFormats } from '../../precision/optimStates.ts';

/** Room that a moment leaves below its format's largest value. */
const MARGIN = 1.1;

interface Rates {
  readonly beta1: number;
  readonly beta2: number;
}

/**
 * The largest gradient with which no moment can ever exceed its format: m is at most the largest gradient, v at most its square,
 * and h at most (1 - beta1) / sqrt(1 - beta2) times as large, however often it comes.
 */
export function gradientLimit(moments: MomentFormats, { beta1, beta2 }: Rates): number {
  const [first, second] = [moments.firstMoment, moments.secondMoment].map(
    (format) => largestFinite(format) / MARGIN,
  ) as [number, number];
  const ofSecond = moments.hypot
    ? second / Math.max(1, (1 - beta1) / Math.sqrt(1 - beta2))
    : Math.sqrt(second);
  return Math.min(first, ofSecond);
}

/** What the check of a chunk of gradients reads beside them. */
export interface CompoundChunk extends Rates {
  readonly m: Operand;
  readonly v: Operand;
  readonly moments: MomentFormats;
  /** One u32, which is set if the moments leave no room for a loss scale twice as large. */
  readonly momentsFull: Operand;
  readonly growthInterval: number;
}
