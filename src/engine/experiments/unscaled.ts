/** What a run in 16 bits loses when no scale protects its gradients, by name. */
import type { TrainConfig } from '../config/trainConfig.ts';
import {
  type Bands,
  bandsOf,
  flushedGradients,
  flushedShare,
  isScaledOperand,
  lossesAt,
  rowsWithoutGradient,
  tensorsWithoutGradient,
} from '../inspect/bands.ts';
import { type NumericsFrame, rowCounts } from '../inspect/frame.ts';
import { gradientFormat } from '../precision/recipe.ts';
import { recipeFor } from '../precision/recipes.ts';

export interface UnscaledFindings {
  /** Share of the nonzero gradients between layers that became zero; null when all were zero before, or none was counted. */
  readonly lostShare: number | null;
  /** Parameter tensors whose gradient is zero everywhere, of so many. */
  readonly withoutGradient: string[];
  readonly parameters: number;
  /** The gradients between layers that lost most, and the shares that they lost. */
  readonly worst: { name: string; share: number }[];
  /** Tensors with a value that is not finite, each of which skipped a step. */
  readonly nonFinite: string[];
}

const NAMED = 3;

/**
 * @param frame the gradients after the last step; null when they were not counted
 * @param overflows of each step, the tensor that was not finite; null where all were
 */
export function findUnscaled(
  config: TrainConfig,
  frame: NumericsFrame | null,
  overflows: readonly (string | null)[],
): UnscaledFindings {
  const nonFinite = [...new Set(overflows.filter((name) => name !== null))];
  if (!frame) return { lostShare: null, withoutGradient: [], parameters: 0, worst: [], nonFinite };
  const format = gradientFormat(recipeFor(config));
  return {
    lostShare: flushedGradients(frame, format),
    withoutGradient: rowsWithoutGradient(frame).map(({ name }) => name),
    parameters: tensorsWithoutGradient(frame).of,
    worst: mostLost(frame, bandsOf(format)),
    nonFinite,
  };
}

/** Of equal shares first that of the later layer, which backward passes first. */
function mostLost(frame: NumericsFrame, bands: Bands): UnscaledFindings['worst'] {
  const shares = frame.rows.flatMap((row, i) => {
    const share = isScaledOperand(row) ? flushedShare(lossesAt(rowCounts(frame, i), 0, bands)) : null;
    return share ? [{ name: row.name, share }] : [];
  });
  return shares
    .reverse()
    .sort((a, b) => b.share - a.share)
    .slice(0, NAMED);
}
