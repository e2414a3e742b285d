/** What a probe of a run's numbers reports: plain data, as it crosses to the page. */
import { BINS } from '../kernels/numerics.ts';
import type { NoiseRow, NumericsRow } from '../model/numericsRows.ts';

/**
 * What storing a tensor in a narrow format did to it, measured on the values: with its scale where it has one, and of the
 * last micro-batch of a step.
 */
export interface QuantizationNoise extends NoiseRow {
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
