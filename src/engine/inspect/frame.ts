/** What a probe of a run's numbers reports: plain data, as it crosses to the page. */
import type { FormatId } from '../precision/formats.ts';

/** Counts of one row: exact zeros, biased f32 exponents 1 to 254, infinities and NaN. Fixed in shaders/lib/exponents.wgsl. */
export const BINS = 256;
export const ZERO_BIN = 0;
export const NON_FINITE_BIN = 255;
/** Bin of exponent e is e + 127. */
export const EXPONENT_BIAS = 127;

export type NumericsKind = 'parameterGradient' | 'activationGradient' | 'weight' | 'activation';

/** One tensor, by the name that parameters and overflow messages use. */
export interface NumericsRow {
  readonly name: string;
  readonly kind: NumericsKind;
  /** Block the tensor belongs to; null for embeddings, the final norm and the head. */
  readonly layer: number | null;
  /** How its values are stored. */
  readonly format: FormatId;
  /** Counted as stored: what a narrow format had flushed shows as zeros. Otherwise counted in f32, before the store. */
  readonly afterNarrowing: boolean;
}

/**
 * What storing a tensor in a narrow format did to it, measured on the values: with its scale where it has one, and of the
 * last micro-batch of a step.
 */
export interface QuantizationNoise {
  readonly name: string;
  readonly kind: Exclude<NumericsKind, 'parameterGradient'>;
  readonly format: FormatId;
  /** 20 log10(||x|| / ||x - q||) in dB; null where x is all zero, q is x, or either is not finite. */
  readonly sqnr: number | null;
  /** Share of the values that are not zero that are beyond the largest of the format. */
  readonly saturated: number;
  /** Share of the values that are not zero that were stored as zero. */
  readonly underflow: number;
  /** The largest magnitude before any scale; infinity and NaN are above all numbers. */
  readonly amax: number;
}

export interface NumericsFrame {
  /** Attempted steps when it was taken, from 1. */
  readonly step: number;
  /** What the counted values are multiplied by: the loss scale of the step, and 1 for weights and activations. */
  readonly scale: number;
  readonly rows: readonly NumericsRow[];
  /** (rows, BINS); exponents are of the scaled values. */
  readonly counts: Uint32Array<ArrayBuffer>;
  /** Of what is stored in fewer bits than it was computed in; only with gradients. */
  readonly noise: readonly QuantizationNoise[];
  /** Share of the training time that probing takes at the interval in use; null while it is not yet known. */
  readonly cost: number | null;
}

/** The counts of row `index`. */
export function rowCounts(frame: NumericsFrame, index: number): Uint32Array {
  return frame.counts.subarray(index * BINS, (index + 1) * BINS);
}
