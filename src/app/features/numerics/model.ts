/** Rows of the heatmap and the table, computed once for each frame, scale and order. */
import {
  type Bands,
  blockName,
  EXPONENT_BIAS,
  type Losses,
  largestExponent,
  lossesAt,
  NON_FINITE_BIN,
  type NumericsFrame,
  type NumericsRow,
  rowCounts,
  ZERO_BIN,
  zeroShare,
} from '../../../engine/index.ts';

/**
 * Columns of the heatmap: exact zeros, exponents of unscaled values with everything beyond at both ends, and non-finite
 * values.
 */
export const LOWEST = -40;
export const HIGHEST = 16;
const ZERO_COLUMN = 0;
const NON_FINITE_COLUMN = HIGHEST - LOWEST + 2;
export const COLUMNS = NON_FINITE_COLUMN + 1;

export interface HeatRow {
  readonly row: NumericsRow;
  /** Title of the group that begins here. */
  readonly group: string | null;
  readonly counts: Uint32Array;
  readonly total: number;
  /** Share of the row's values by column. */
  readonly shares: Float32Array;
  readonly losses: Losses;
  readonly largest: number | null;
}

/** By layer, or by the share of values that are zero once stored: flushed, or zero before. */
export type Order = 'layer' | 'zeros';

export function columnOf(exponent: number): number {
  return Math.min(HIGHEST, Math.max(LOWEST, exponent)) - LOWEST + 1;
}

export function exponentOf(column: number): number {
  return column - 1 + LOWEST;
}

/** @param scaleLog2 the loss scale whose losses are shown; the frame's own unless the visitor asks about another */
export function heatRows(frame: NumericsFrame, scaleLog2: number, bands: Bands, order: Order): HeatRow[] {
  const counted = Math.log2(frame.scale);
  const rows = frame.rows.map((row, index): HeatRow => {
    const counts = rowCounts(frame, index);
    const total = counts.reduce((sum, count) => sum + count, 0);
    return {
      row,
      group: null,
      counts,
      total,
      shares: sharesOf(counts, total, counted),
      losses: lossesAt(counts, scaleLog2 - counted, bands),
      largest: largestExponent(counts, counted),
    };
  });
  if (order === 'zeros') return rows.sort((a, b) => zeroShare(b.losses) - zeroShare(a.losses));
  return grouped(rows);
}

/** Blocks in order, then everything outside them; in each group the gradients that are narrowed come first. */
function grouped(rows: readonly HeatRow[]): HeatRow[] {
  const groups = new Map<number, HeatRow[]>();
  for (const row of rows) {
    const key = row.row.layer ?? Number.POSITIVE_INFINITY;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups]
    .sort(([a], [b]) => a - b)
    .flatMap(([layer, members]) => {
      const narrowed = members.filter(({ row }) => row.kind === 'activationGradient');
      const others = members.filter(({ row }) => row.kind !== 'activationGradient');
      const [first, ...rest] = [...narrowed, ...others];
      if (!first) return [];
      const group = Number.isFinite(layer) ? `Block ${blockName(layer)}` : 'Embeddings, final norm and head';
      return [{ ...first, group }, ...rest];
    });
}

function sharesOf(counts: Uint32Array, total: number, scaleLog2: number): Float32Array {
  const shares = new Float32Array(COLUMNS);
  for (const [bin, count] of counts.entries()) {
    if (count === 0) continue;
    const column =
      bin === ZERO_BIN
        ? ZERO_COLUMN
        : bin === NON_FINITE_BIN
          ? NON_FINITE_COLUMN
          : columnOf(bin - EXPONENT_BIAS - scaleLog2);
    shares[column]! += count / total;
  }
  return shares;
}
