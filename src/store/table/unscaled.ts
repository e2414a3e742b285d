/** What a run in f16 loses when no scale protects its gradients, by name. */
import {
  bandsOf,
  type FormatId,
  flushedGradients,
  flushedShare,
  isScaledOperand,
  lossesAt,
  type NumericsFrame,
  rowCounts,
  rowsWithoutGradient,
  tensorsWithoutGradient,
} from '../../engine/index.ts';
import type { MetricsLog } from '../metricsLog.ts';
import type { Unscaled } from './record.ts';

const NAMED = 3;

/**
 * @param frame the gradients after the last step; null when they were not counted
 * @param format the one that the run stores gradients in
 */
export function findUnscaled(
  frame: NumericsFrame | null,
  format: FormatId,
  log: Pick<MetricsLog, 'length' | 'at'>,
): Unscaled {
  const skipped = Array.from({ length: log.length }, (_, i) => log.at(i)?.overflow ?? null);
  const nonFinite = [...new Set(skipped.filter((name) => name !== null))];
  if (!frame) return { lostShare: null, withoutGradient: [], parameters: 0, worst: [], nonFinite };
  return {
    lostShare: flushedGradients(frame, format),
    withoutGradient: rowsWithoutGradient(frame).map(({ name }) => name),
    parameters: tensorsWithoutGradient(frame).of,
    worst: mostLost(frame, format),
    nonFinite,
  };
}

/** Of equal shares first that of the later layer, which backward passes first. */
function mostLost(frame: NumericsFrame, format: FormatId): Unscaled['worst'] {
  const bands = bandsOf(format);
  const shares = frame.rows.flatMap((row, i) => {
    const share = isScaledOperand(row) ? flushedShare(lossesAt(rowCounts(frame, i), 0, bands)) : null;
    return share ? [{ name: row.name, share }] : [];
  });
  return shares
    .reverse()
    .sort((a, b) => b.share - a.share)
    .slice(0, NAMED);
}
