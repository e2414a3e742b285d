/** What the charts draw, taken from the logs: never more than MAX_POINTS a line, whatever the run's length. */
import { changePoints, decimate, thin } from '../../store/decimate.ts';
import type { MetricsLog } from '../../store/metricsLog.ts';

/** `value` is null where a line has a gap. */
export interface Point {
  readonly step: number;
  readonly value: number | null;
}

export interface SkipMark extends Point {
  readonly overflow: string | null;
  /** log2 of the scale in the skipped step and in the next one; `to` is null while there is none. */
  readonly from: number;
  readonly to: number | null;
}

export function lossPoints(log: MetricsLog, column: 'loss' | 'smoothed'): Point[] {
  const values = log.columns[column];
  return decimate(values, log.length).map((i) => point(log, i, values[i]!));
}

export function validationPoints(log: MetricsLog): Point[] {
  return thin(log.evals).map(({ step, valLoss }) => ({ step, value: valLoss }));
}

/** A step line: the scale holds from its step to the next change. */
export function scalePoints(log: MetricsLog): Point[] {
  const { scaleLog2 } = log.columns;
  return changePoints(scaleLog2, log.length).map((i) => point(log, i, scaleLog2[i]!));
}

export function skipMarks(log: MetricsLog): SkipMark[] {
  const { scaleLog2 } = log.columns;
  return thin(log.skippedIndexes()).map((i) => ({
    ...point(log, i, scaleLog2[i]!),
    overflow: log.at(i)?.overflow ?? null,
    from: scaleLog2[i]!,
    to: i + 1 < log.length ? scaleLog2[i + 1]! : null,
  }));
}

function point(log: MetricsLog, index: number, value: number): Point {
  return { step: log.columns.step[index]!, value: Number.isNaN(value) ? null : value };
}
