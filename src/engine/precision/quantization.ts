/** Choices of modes that quantise operands: of the activations that are kept, and of delayed scales. */
import { type FormatId, formatInfo } from './formats.ts';

/** What of the history makes a delayed scale: its largest magnitude, or that of the step before. */
export const AMAX_ALGORITHMS = ['max', 'most_recent'] as const;
export type AmaxAlgorithm = (typeof AMAX_ALGORITHMS)[number];

/**
 * How the inputs of GELU and of the blocks' layer norms are kept: GELU's with a scale of the tensor and those of layer norm,
 * the residual stream, as they are; or both with a scale for each {@link ACTIVATION_GROUP} channels (COAT, arXiv 2410.19313).
 */
export const QUANTIZED_ACTIVATIONS = ['tensor', '1x16'] as const;
export type QuantizedActivations = (typeof QUANTIZED_ACTIVATIONS)[number];
export const ACTIVATION_GROUP = 16;

/** TransformerEngine's defaults but for the history, which there has 1,024 steps: more than many runs here. */
export const DELAYED_SCALING = { historyLength: 16, algorithm: 'max', margin: 0 } as const;

/** f32 bits of the largest finite value of a format that saturates. */
export function largestBits(format: FormatId): number {
  const { overflowBits, mantissaBits } = formatInfo(format);
  // Half a step or less below where rounding leaves the format, with no more mantissa bits than the format has.
  const step = 2 ** (23 - mantissaBits);
  return Math.floor((overflowBits - 1) / step) * step;
}
