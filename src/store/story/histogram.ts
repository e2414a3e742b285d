/** What a format loses of a frame's gradients at any loss scale: in all, and by part of the model. */
import {
  type Bands,
  bandsOf,
  blockName,
  EXPONENT_BIAS,
  type FormatId,
  flushedShare,
  frameLosses,
  isScaledOperand,
  NON_FINITE_BIN,
  type NumericsFrame,
  type NumericsRow,
  nonZero,
  rowCounts,
  subnormalShare,
  ZERO_BIN,
  zeroShare,
} from '../../engine/index.ts';

/** Exponents that are drawn. Smaller and larger values are counted in the outermost bins. */
export const DRAWN_EXPONENTS = { lowest: -44, highest: 20 } as const;

/** What f16 does to a value: `flushed` to zero, kept with fewer bits, kept, or beyond the largest. */
export type Zone = 'flushed' | 'subnormal' | 'normal' | 'overflow';

export interface HistogramBin {
  /** Values from 2^exponent to below 2^(exponent + 1), with the loss scale. */
  readonly exponent: number;
  /** Share of the values that are not zero. */
  readonly share: number;
  readonly zone: Zone;
}

export interface GradientHistogram {
  /** From the smallest drawn exponent to the largest, without gaps. */
  readonly bins: readonly HistogramBin[];
  /** Share of the nonzero values that become zero; null when all values are zero. */
  readonly lostShare: number | null;
  /** Share of the nonzero values that keep fewer bits. */
  readonly subnormalShare: number | null;
  /** Share of all values that were exactly zero before: no scale brings them back. */
  readonly zeroShare: number;
  /** Number of values that overflow, which skips the step. */
  readonly overflow: number;
  /** The exponents at which the zones begin. */
  readonly bands: Bands;
}

/**
 * The gradients that matmuls and attention read, as they would be at another loss scale.
 * @param scaleLog2 log2 of that scale
 * @param format the one that the run stores them in, unless another is asked about
 */
export function gradientHistogram(
  frame: NumericsFrame,
  scaleLog2: number,
  format: FormatId = storedIn(frame),
): GradientHistogram {
  const bands = bandsOf(format);
  const { lowest, highest } = DRAWN_EXPONENTS;
  const counts = new Float64Array(highest - lowest + 1);
  const shift = scaleLog2 - Math.log2(frame.scale);
  for (const [i, row] of frame.rows.entries()) {
    if (!isScaledOperand(row)) continue;
    const of = rowCounts(frame, i);
    for (let bin = ZERO_BIN + 1; bin < NON_FINITE_BIN; bin++) {
      const exponent = Math.min(highest, Math.max(lowest, bin - EXPONENT_BIAS + shift));
      counts[exponent - lowest]! += of[bin]!;
    }
    counts[highest - lowest]! += of[NON_FINITE_BIN]!;
  }
  const losses = frameLosses(frame, scaleLog2, bands, isScaledOperand);
  const total = Math.max(1, nonZero(losses));
  return {
    bins: Array.from(counts, (count, i) => ({
      exponent: lowest + i,
      share: count / total,
      zone: zoneOf(lowest + i, bands),
    })),
    lostShare: flushedShare(losses),
    subnormalShare: subnormalShare(losses),
    zeroShare: losses.zeros / Math.max(1, losses.zeros + nonZero(losses)),
    overflow: losses.overflow,
    bands,
  };
}

/** The format in which a run stores the gradients that matmuls read. */
function storedIn({ rows }: NumericsFrame): FormatId {
  return rows.find(isScaledOperand)?.format ?? 'f32';
}

function zoneOf(exponent: number, { keptFrom, normalFrom, overflowFrom }: Bands): Zone {
  if (exponent < keptFrom) return 'flushed';
  if (exponent < normalFrom) return 'subnormal';
  return exponent < overflowFrom ? 'normal' : 'overflow';
}

/** A part of the model in the diagram. */
export interface LayerLoss {
  /** Null outside of the blocks. */
  readonly layer: number | null;
  /** Its name in checkpoints, without the block's: `attn`, `mlp`, `ln_1` for the residual stream there. */
  readonly part: string;
  readonly title: string;
  /** Share of its nonzero gradients that become zero; null when all of them are zero before. */
  readonly share: number | null;
  /** Share of all its gradients that are zero once stored. */
  readonly zeroShare: number;
}

/** From the first block to the head, in the order of the frame. */
export function lostByLayer(
  frame: NumericsFrame,
  scaleLog2: number,
  format: FormatId = storedIn(frame),
): LayerLoss[] {
  const bands = bandsOf(format);
  const places = new Map<string, Pick<LayerLoss, 'layer' | 'part' | 'title'>>();
  const key = (row: NumericsRow) => `${row.layer} ${partOf(row)}`;
  for (const row of frame.rows) {
    if (isScaledOperand(row))
      places.set(key(row), { layer: row.layer, part: partOf(row), title: titleOf(partOf(row)) });
  }
  return [...places].map(([name, place]): LayerLoss => {
    const losses = frameLosses(frame, scaleLog2, bands, (row) => isScaledOperand(row) && key(row) === name);
    return { ...place, share: flushedShare(losses), zeroShare: zeroShare(losses) };
  });
}

const TITLES: Readonly<Record<string, string>> = {
  attn: 'Attention',
  mlp: 'MLP',
  ln_1: 'Residual stream before attention',
  ln_2: 'Residual stream before the MLP',
  'residual gradient at ln_f': 'Residual stream before the head',
  'logits gradient': 'Head',
};

function titleOf(part: string): string {
  return TITLES[part] ?? part;
}

/** The part of a block whose output or input the gradient is of: `attn`, `mlp`; outside of the blocks its own name. */
function partOf({ name, layer }: Pick<NumericsRow, 'name' | 'layer'>): string {
  if (layer === null) return name;
  return name.slice(name.indexOf(`${blockName(layer)}.`) + blockName(layer).length + 1).split(/[. ]/)[0]!;
}
