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

/** What matmuls read in place of a tensor of the role: other kernels read the tensor itself. */
export type QuantizedRole = 'activation' | 'weight' | 'outputGradient' | 'preActivation';

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
