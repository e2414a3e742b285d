/** The result of probing a run's numbers: plain data that can be posted to the page. */
import { BINS } from '../kernels/numerics.ts';
import type { NoiseRow, NumericsRow } from '../model/numericsRows.ts';
import type { LongRunTelemetry } from './longRun.ts';
import type { NumbersOf, STORE_NUMBERS, UPDATE_NUMBERS } from './tensorNumbers.ts';

/** The error of storing a tensor in a narrow format, with its scale if it has one. */
export interface QuantizationNoise extends NoiseRow, NumbersOf<typeof STORE_NUMBERS> {}

/** What is measured of the update of a parameter. */
export interface UpdateNumbers extends NumbersOf<typeof UPDATE_NUMBERS> {
  readonly name: string;
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
  /** Of a step that was applied, in runs that measure some: of each parameter that has them. */
  readonly updates?: readonly UpdateNumbers[];
  /** Of gradients, in runs with a gated MLP or second moments that have a floor. */
  readonly longRun?: LongRunTelemetry;
  /** Share of the training time that probing takes at the current interval; null while it is not known. */
  readonly cost: number | null;
}

/** Returns the counts of row `index`: (BINS). */
export function rowCounts(frame: NumericsFrame, index: number): Uint32Array {
  return frame.counts.subarray(index * BINS, (index + 1) * BINS);
}
