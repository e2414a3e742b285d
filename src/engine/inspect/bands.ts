/**
 * What a format would lose of counted values at any loss scale. A scale is a power of two, so that another one only moves
 * exponents: nothing here asks the GPU. Exact to the power of two: a bin belongs to the band that holds its smaller end.
 */

import { BINS, EXPONENT_BIAS, NON_FINITE_BIN, ZERO_BIN } from '../kernels/numerics.ts';
import type { NumericsRow } from '../model/numericsRows.ts';
import { type FormatId, formatInfo } from '../precision/formats.ts';
import { type NumericsFrame, rowCounts } from './frame.ts';

/** Exponents of stored values at which a format's bands begin. */
export interface Bands {
  /** Below it values become zero: |x| <= 2^-25 in f16, where a tie goes to zero. */
  readonly keptFrom: number;
  /** Below it values keep fewer bits. */
  readonly normalFrom: number;
  /**
   * From it values overflow, or saturate in a format that does. In f16 those from 65520 to 65536 do too, which share a bin
   * with ones that do not; in e4m3fn those above 464.
   */
  readonly overflowFrom: number;
}

export function bandsOf(id: FormatId): Bands {
  const { exponentBits, mantissaBits, overflowBits, flushSubnormals, truncates } = formatInfo(id);
  const bias = 2 ** (exponentBits - 1) - 1;
  const normalFrom = 1 - bias;
  // Rounding to zero ends at half of the smallest subnormal, truncation at the whole.
  const keptFrom = flushSubnormals ? normalFrom : normalFrom - mantissaBits - (truncates ? 0 : 1);
  // The first whole binade beyond.
  const overflowFrom = Math.ceil(overflowBits / 2 ** 23) - 127;
  return { keptFrom, normalFrom, overflowFrom };
}

/** Counts of values by what becomes of them. */
export interface Losses {
  /** Exact zeros before any rounding: nothing to lose. */
  readonly zeros: number;
  readonly flushed: number;
  readonly subnormal: number;
  readonly normal: number;
  readonly overflow: number;
}

const NO_LOSSES: Losses = { zeros: 0, flushed: 0, subnormal: 0, normal: 0, overflow: 0 };

/**
 * @param counts one row of a frame
 * @param shift log2 of the scale asked about over the scale the values were counted at
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

/** Values that are not zero to begin with: what shares are of. */
export function nonZero({ flushed, subnormal, normal, overflow }: Losses): number {
  return flushed + subnormal + normal + overflow;
}

/** Share of the values that are not zero that would be stored as zero; null where all are zero, of which there is no share. */
export function flushedShare(losses: Losses): number | null {
  const of = nonZero(losses);
  return of === 0 ? null : losses.flushed / of;
}

/** Share of the values that are not zero that keep fewer bits; null where all are zero. */
export function subnormalShare(losses: Losses): number | null {
  const of = nonZero(losses);
  return of === 0 ? null : losses.subnormal / of;
}

/** Share of all values that are zero once stored, whether they were before or are flushed; 0 where there are none. */
export function zeroShare(losses: Losses): number {
  return (losses.zeros + losses.flushed) / Math.max(1, losses.zeros + nonZero(losses));
}

/** Exponent of the largest finite value that was counted, unscaled; null where all are zero. */
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

/** How many of a frame's parameter tensors have a gradient that is exactly zero everywhere: a step does not learn them. */
export function tensorsWithoutGradient(frame: NumericsFrame): {
  readonly without: number;
  readonly of: number;
} {
  const zero = frame.rows.flatMap(({ kind }, i) =>
    kind === 'parameterGradient' ? [isAllZero(rowCounts(frame, i))] : [],
  );
  return { without: zero.filter(Boolean).length, of: zero.length };
}

/** The losses of several rows together at loss scale 2^`scaleLog2`. */
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

/** Gradients that matmuls read: what a loss scale is for. Parameter gradients are accumulated, not narrowed, in sound modes. */
export function isScaledOperand(row: NumericsRow): boolean {
  return row.kind === 'activationGradient';
}

/**
 * Share of a frame's gradients that storing them in `format` flushed to zero, at the loss scale they had; null where nothing
 * is narrowed, and where all of them are zero.
 */
export function flushedGradients(frame: NumericsFrame, format: FormatId): number | null {
  if (format === 'f32') return null;
  return flushedShare(frameLosses(frame, Math.log2(frame.scale), bandsOf(format), isScaledOperand));
}

export const WHAT_IF_SCALES = { lowest: 0, highest: 24 } as const;

/**
 * log2 of the loss scale that loses least of these gradients, each tensor taken on its own: first the fewest overflows, one
 * of which skips a whole step, then the fewest flushed to zero, then the fewest subnormal, then the lower scale.
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
