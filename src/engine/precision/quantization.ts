/** Operands stored in fewer bits than a format holds unscaled: each has a scale of its tensor. */
import { type FormatId, formatInfo } from './formats.ts';

/** What of the history makes a delayed scale: its largest magnitude, or that of the step before. */
export const AMAX_ALGORITHMS = ['max', 'most_recent'] as const;
export type AmaxAlgorithm = (typeof AMAX_ALGORITHMS)[number];

/** When the scale of a tensor is decided. */
export type TensorScaling =
  /** From the tensor itself, which is read twice. */
  | { readonly kind: 'current' }
  /** From its largest magnitudes in the steps before, so that it is read once. */
  | {
      readonly kind: 'delayed';
      /** Steps whose largest magnitudes are kept. */
      readonly historyLength: number;
      readonly algorithm: AmaxAlgorithm;
      /** Powers of two of room above the largest magnitude. */
      readonly margin: number;
    };

/**
 * How the inputs of GELU and of the blocks' layer norms are kept: GELU's with a scale of the tensor and those of layer norm,
 * the residual stream, as they are; or both with a scale for each {@link ACTIVATION_GROUP} channels (COAT, arXiv 2410.19313).
 */
export const QUANTIZED_ACTIVATIONS = ['tensor', '1x16'] as const;
export type QuantizedActivations = (typeof QUANTIZED_ACTIVATIONS)[number];
export const ACTIVATION_GROUP = 16;

/** What kernels read in place of a tensor of the role: `normInput` only with 1x16 groups, in layer norm; the others in matmuls and GELU. */
export type QuantizedRole = 'activation' | 'weight' | 'outputGradient' | 'preActivation' | 'normInput';

/** Its defaults are TransformerEngine's but for the history, which there has 1,024 steps: more than many runs here. */
export const DELAYED_SCALING = {
  kind: 'delayed',
  historyLength: 16,
  algorithm: 'max',
  margin: 0,
} as const satisfies TensorScaling;

export interface Quantization {
  readonly formats: Readonly<Record<QuantizedRole, FormatId>>;
  readonly scaling: TensorScaling;
  readonly activations: QuantizedActivations;
  /** The LM head's matmuls too, and not only those of the blocks. */
  readonly head: boolean;
}

/** f32 bits of the largest finite value of a format that saturates. */
export function largestBits(format: FormatId): number {
  const { overflowBits, mantissaBits } = formatInfo(format);
  // Half a step or less below where rounding leaves the format, with no more mantissa bits than the format has.
  const step = 2 ** (23 - mantissaBits);
  return Math.floor((overflowBits - 1) / step) * step;
}
