/** The result of probing a run's numbers: plain data that can be posted to the page. */
import { BINS } from '../kernels/numerics.ts';
import type { NoiseRow, NumericsRow } from '../model/numericsRows.ts';
import type { LongRunTelemetry } from './longRun.ts';

/**
 * The error of storing a tensor in a narrow format, with its scale if it has one. It is measured on the values of the
 * last micro-batch of a step.
 */
export interface QuantizationNoise extends NoiseRow {
  /** 20 log10(||x|| / ||x - q||) in dB; null when x is all zero, q equals x, or either is not finite. */
  readonly sqnr: number | null;
  /** Share of the nonzero values that exceed the largest value of the format. */
  readonly saturated: number;
  /** Share of the nonzero values that were stored as zero. */
  readonly underflow: number;
  /** The largest magnitude before scaling. Infinity and NaN compare as larger than all numbers. */
  readonly amax: number;
  /**
   * The mean fourth power over the squared mean square of the values before they are stored: 3 for normally distributed ones, more
   * where few values are large. Null as `sqnr` for values that are all zero or not finite.
   */
  readonly kurtosis: number | null;
}

export interface NumericsFrame {
  /** Number of attempted steps when the frame was taken, from 1. */
  readonly step: number;
  /** The factor that the counted values contain: the loss scale for gradients, 1 for weights and activations. */
  readonly scale: number;
  readonly rows: readonly NumericsRow[];
  /** (rows, BINS) counts by the exponent of the scaled values. */
  readonly counts: Uint32Array<ArrayBuffer>;
  /** One entry for each tensor that is stored in fewer bits than it is computed in; empty except for gradients. */
  readonly noise: readonly QuantizationNoise[];
  /** Of gradients, in runs with a gated MLP or second moments that have a floor. */
  readonly longRun?: LongRunTelemetry;
  /** Share of the training time that probing takes at the current interval; null while it is not known. */
  readonly cost: number | null;
}

/** Returns the counts of row `index`: (BINS). */
export function rowCounts(frame: NumericsFrame, index: number): Uint32Array {
  return frame.counts.subarray(index * BINS, (index + 1) * BINS);
}
