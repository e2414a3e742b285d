/**
 * Computes from a histogram of exponents what a format would lose at any loss scale. Scales are powers of two, so a
 * different scale only shifts exponents and nothing here uses the GPU. Results are exact to a power of two: a bin counts
 * towards the band that contains its smaller end.
 */

import { BINS, EXPONENT_BIAS, NON_FINITE_BIN, ZERO_BIN } from '../kernels/numerics.ts';
import type { NumericsRow } from '../model/numericsRows.ts';
import { type FormatId, formatInfo, normalExponent } from '../precision/formats.ts';
import { type NumericsFrame, rowCounts } from './frame.ts';

/** The exponents of stored values at which a format's bands begin. */
export interface Bands {
  /** Values below this become zero: |x| <= 2^-25 in f16, where a tie rounds to zero. */
  readonly keptFrom: number;
  /** Values below this are subnormal and keep fewer bits. */
  readonly normalFrom: number;
  /**
   * Values from this on overflow, or saturate in formats that saturate. Smaller values that overflow too are not counted,
   * because they share a bin with values that do not: from 65520 to 65536 in f16, above 464 in e4m3fn.
   */
  readonly overflowFrom: number;
}

export function bandsOf(id: FormatId): Bands {
  const format = formatInfo(id);
  const { mantissaBits, overflowBits, flushSubnormals, truncates } = format;
  const normalFrom = normalExponent(format);
  // Rounding to nearest flushes values up to half of the smallest subnormal, truncation up to the subnormal itself.
  const keptFrom = flushSubnormals ? normalFrom : normalFrom - mantissaBits - (truncates ? 0 : 1);
  // The first binade that overflows completely.
  const overflowFrom = Math.ceil(overflowBits / 2 ** 23) - 127;
  return { keptFrom, normalFrom, overflowFrom };
}

/** Counts of values by what a format does to them. */
export interface Losses {
  /** Values that were exactly zero before rounding. */
  readonly zeros: number;
  readonly flushed: number;
  readonly subnormal: number;
  readonly normal: number;
  readonly overflow: number;
}

const NO_LOSSES: Losses = { zeros: 0, flushed: 0, subnormal: 0, normal: 0, overflow: 0 };

/**
 * @param counts (BINS), one row of a frame
 * @param shift log2 of the scale in question over the scale that the values were counted at
 */
export function lossesAt(counts: Uint32Array, shift: number, bands: Bands): Losses {
  let flushed = 0;
  let subnormal = 0;
  let normal = 0;
  let overflow = counts[NON_FINITE_BIN]!;
  for (let bin = ZERO_BIN + 1; bin < NON_FINITE_BIN; bin++) {
    const count = counts[bin]!;
    if (count === 0) continue;
    const exponent = bin - EXPONENT_BIAS + shift;
    if (exponent < bands.keptFrom) flushed += count;
    else if (exponent < bands.normalFrom) subnormal += count;
    else if (exponent < bands.overflowFrom) normal += count;
    else overflow += count;
  }
  return { zeros: counts[ZERO_BIN]!, flushed, subnormal, normal, overflow };
}

function addLosses(a: Losses, b: Losses): Losses {
  return {
    zeros: a.zeros + b.zeros,
    flushed: a.flushed + b.flushed,
    subnormal: a.subnormal + b.subnormal,
    normal: a.normal + b.normal,
    overflow: a.overflow + b.overflow,
  };
}

/** Number of values that were not zero before rounding. Shares are taken of these. */
export function nonZero({ flushed, subnormal, normal, overflow }: Losses): number {
  return flushed + subnormal + normal + overflow;
}

/** Share of the nonzero values that the format flushes to zero; null when all values are zero. */
export function flushedShare(losses: Losses): number | null {
  const of = nonZero(losses);
  return of === 0 ? null : losses.flushed / of;
}

/** Share of the nonzero values that become subnormal; null when all values are zero. */
export function subnormalShare(losses: Losses): number | null {
  const of = nonZero(losses);
  return of === 0 ? null : losses.subnormal / of;
}

/** Share of all values that are zero once stored, flushed or zero before; 0 when there are no values. */
export function zeroShare(losses: Losses): number {
  return (losses.zeros + losses.flushed) / Math.max(1, losses.zeros + nonZero(losses));
}

/** Exponent of the largest finite value, without the scale; null when all values are zero. */
export function largestExponent(counts: Uint32Array, scaleLog2: number): number | null {
  for (let bin = NON_FINITE_BIN - 1; bin > ZERO_BIN; bin--) {
    if (counts[bin]! > 0) return bin - EXPONENT_BIAS - scaleLog2;
  }
  return null;
}

/** Whether every value that was counted is exactly zero. */
function isAllZero(counts: Uint32Array): boolean {
  return counts[ZERO_BIN]! > 0 && counts.every((count, bin) => bin === ZERO_BIN || count === 0);
}

/** Counts the parameter tensors of a frame whose gradient is exactly zero everywhere, so that a step does not train them. */
export function tensorsWithoutGradient(frame: NumericsFrame): {
  readonly without: number;
  readonly of: number;
} {
  const of = frame.rows.filter(({ kind }) => kind === 'parameterGradient').length;
  return { without: rowsWithoutGradient(frame).length, of };
}

/** The parameter tensors of a frame whose gradient is exactly zero everywhere. */
export function rowsWithoutGradient(frame: NumericsFrame): NumericsRow[] {
  return frame.rows.filter(({ kind }, i) => kind === 'parameterGradient' && isAllZero(rowCounts(frame, i)));
}

/** Sums the losses of the `wanted` rows at loss scale 2^`scaleLog2`. */
export function frameLosses(
  frame: NumericsFrame,
  scaleLog2: number,
  bands: Bands,
  wanted: (row: NumericsRow) => boolean,
): Losses {
  const shift = scaleLog2 - Math.log2(frame.scale);
  return frame.rows.reduce(
    (sum, row, i) => (wanted(row) ? addLosses(sum, lossesAt(rowCounts(frame, i), shift, bands)) : sum),
    NO_LOSSES,
  );
}

/**
 * Whether a row is a gradient that matmuls read, which is what a loss scale protects. Most modes accumulate parameter
 * gradients in f32.
 */
export function isScaledOperand(row: NumericsRow): boolean {
  return row.kind === 'activationGradient';
}

/**
 * Share of a frame's gradients that storing them in `format` flushes to zero at the frame's loss scale; null for f32 and
 * when all of them are zero.
 */
export function flushedGradients(frame: NumericsFrame, format: FormatId): number | null {
  if (format === 'f32') return null;
  return flushedShare(frameLosses(frame, Math.log2(frame.scale), bandsOf(format), isScaledOperand));
}

export const WHAT_IF_SCALES = { lowest: 0, highest: 24 } as const;

/**
 * log2 of the loss scale that loses least of a frame's gradients. It has the fewest overflows, because one of them skips
 * a whole step; then the fewest values flushed to zero; then the fewest subnormals; and of equal scales it is the lowest.
 */
export function bestScale(frame: NumericsFrame, bands: Bands): number {
  const summed = new Uint32Array(BINS);
  for (const [i, row] of frame.rows.entries()) {
    if (!isScaledOperand(row)) continue;
    const counts = rowCounts(frame, i);
    for (let bin = 0; bin < BINS; bin++) summed[bin]! += counts[bin]!;
  }
  const from = Math.log2(frame.scale);
  let best = WHAT_IF_SCALES.lowest as number;
  let least: Losses | undefined;
  for (let scale = WHAT_IF_SCALES.lowest; scale <= WHAT_IF_SCALES.highest; scale++) {
    const losses = lossesAt(summed, scale - from, bands);
    if (least && !losesLess(losses, least)) continue;
    least = losses;
    best = scale;
  }
  return best;
}

function losesLess(a: Losses, b: Losses): boolean {
  return (a.overflow - b.overflow || a.flushed - b.flushed || a.subnormal - b.subnormal) < 0;
}
