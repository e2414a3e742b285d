/** Options of modes that quantise operands: how saved activations are stored, and how delayed scales are computed. */
import { type FormatId, formatInfo } from './formats.ts';

/** The magnitude that sets a delayed scale: the largest of the history, or that of the previous step. */
export const AMAX_ALGORITHMS = ['max', 'most_recent'] as const;
export type AmaxAlgorithm = (typeof AMAX_ALGORITHMS)[number];

/**
 * How the inputs of GELU and of the blocks' layer norms are stored for the backward pass. `tensor`: GELU's input has one scale
 * per tensor, and layer norm's input, the residual stream, is not quantised. `1x16`: both have a scale for each
 * {@link ACTIVATION_GROUP} channels (COAT, arXiv 2410.19313).
 */
export const QUANTIZED_ACTIVATIONS = ['tensor', '1x16'] as const;
export type QuantizedActivations = (typeof QUANTIZED_ACTIVATIONS)[number];
export const ACTIVATION_GROUP = 16;

/** Consecutive elements that may share a scale in a program's own mode: 16 as in NVFP4, 32 as in OCP's microscaling formats. */
export const SCALE_BLOCKS: readonly number[] = [16, 32];

/** TransformerEngine's defaults, except that its history has 1,024 steps, which is longer than many runs here. */
export const DELAYED_SCALING = { historyLength: 16, algorithm: 'max', margin: 0 } as const;

/** f32 bits of the largest finite value of a format that saturates. */
export function largestBits(format: FormatId): number {
  const { overflowBits, mantissaBits } = formatInfo(format);
  // The largest value lies at most half a step below the overflow threshold, so cutting the mantissa there gives its bits.
  const step = 2 ** (23 - mantissaBits);
  return Math.floor((overflowBits - 1) / step) * step;
}
