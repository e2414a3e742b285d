/** Types and lookups of charts, apart from drawing. The charts themselves are in `definitions/`. */
import type { ReactNode } from 'react';
import { tokensPerStep } from '../../engine/index.ts';
import type { ChartId, ChartSettings, XAxisKind } from '../../store/chartStore.ts';
import type { MetricsLog } from '../../store/metricsLog.ts';
import type { PlottedRun } from './plottedRun.ts';

/** One run in one chart: a value for each entry of its log. */
export interface Series {
  /** Place among the plotted runs: its colour and dash. */
  readonly index: number;
  readonly run: PlottedRun;
  /** Entries of the log in this series: the log may have grown since. */
  readonly length: number;
  /** NaN is a gap. Longer than `length` where it is a column of the log. */
  readonly values: ArrayLike<number>;
  /** Drawn over the faint values. */
  readonly smoothed?: ArrayLike<number>;
  /** The least and the greatest of several seeds, whose mean the values are. */
  readonly band?: { readonly low: ArrayLike<number>; readonly high: ArrayLike<number> };
  /** The same quantity by the GPU's own clock, drawn dotted; NaN where it has none. */
  readonly gpu?: ArrayLike<number>;
  /** Measured only at some steps. */
  readonly validation?: MetricsLog['evals'];
  /** Indexes in the log of skipped steps, which are marked. */
  readonly skipped?: readonly number[];
  /** Whether the values are drawn as marks only. */
  readonly lineless?: boolean;
}

export interface ChartDefinition {
  readonly id: ChartId;
  readonly title: string;
  /** Name of the values in tables and summaries, as "loss". */
  readonly quantity: string;
  /** Column of the exported file. */
  readonly column: string;
  /** `steps` hold their value up to the next change. */
  readonly shape: 'line' | 'steps';
  /** Whether the values can be smoothed. */
  readonly smooths: boolean;
  readonly logY: boolean;
  /** Whether the linear y axis starts at 0. */
  readonly fromZero?: boolean;
  readonly large?: boolean;
  /** Null when the run has no values for this chart. */
  readonly series: (
    run: PlottedRun,
    index: number,
    runs: readonly PlottedRun[],
    settings: ChartSettings,
  ) => Series | null;
  readonly format: (value: number) => string;
  /** The meaning of a gap, in a word or two. */
  readonly gap: string;
  readonly tick: (value: number) => string;
  /** Replaces the range that fits the values. */
  readonly yRange?: (low: number, high: number) => readonly [low: number, high: number];
  /** Replaces round numbers. */
  readonly yTicks?: (low: number, high: number) => readonly number[];
  /** Values marked by lines across the chart. */
  readonly references?: (runs: readonly PlottedRun[]) => readonly { value: number; label: string }[];
  /** Why nothing is drawn. */
  readonly empty: (runs: readonly PlottedRun[]) => string;
  /** A sentence for visitors who do not see the chart. */
  readonly summary: (series: Series) => string;
  /** Further entries of the legend, beside the runs. */
  readonly legend?: (series: readonly Series[]) => ReactNode;
}

/** A value of the chart as text. */
export function inWords(chart: ChartDefinition, value: number | null): string {
  return value === null || Number.isNaN(value) ? chart.gap : chart.format(value);
}

/** Position of entry `i` of a run's log on the x axis, in steps, tokens or seconds; NaN where it is unknown. */
export function xOf({ log, config }: PlottedRun, kind: XAxisKind, i: number): number {
  if (kind === 'time') return log.columns.time[i]! / 1000;
  const step = log.columns.step[i]!;
  if (kind === 'step') return step;
  return config ? step * tokensPerStep(config) : Number.NaN;
}

/** Index of the last of `length` entries at or before `x`; -1 before the first. */
export function entryAt(run: PlottedRun, length: number, kind: XAxisKind, x: number): number {
  let low = -1;
  let high = length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (xOf(run, kind, middle) <= x) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Index of the entry nearest to `x`; -1 where there is none, or where `x` is beyond the run's end. */
export function nearestEntry(run: PlottedRun, length: number, kind: XAxisKind, x: number): number {
  const before = entryAt(run, length, kind, x);
  if (before < 0) return length > 0 ? 0 : -1;
  if (before === length - 1) return x > xOf(run, kind, before) * (1 + 1e-6) ? -1 : before;
  const [left, right] = [xOf(run, kind, before), xOf(run, kind, before + 1)];
  return x - left <= right - x ? before : before + 1;
}

/** Index of the last entry of a step at most `step`, among those that the series covers. */
export function entryOfStep(series: Series, step: number): number {
  return Math.min(series.run.log.indexAt(step), series.length - 1);
}
