/** The exact values at a position of the x axis, for the crosshair, the slider's text and tables. */
import type { XAxisKind } from '../../store/chartStore.ts';
import { formatCompact, formatCount } from '../format.ts';
import { skipSentence } from '../messages.ts';
import { timeLabel } from './axes.ts';
import { type ChartDefinition, inWords, nearestEntry, type Series, xOf } from './chart.ts';

export interface ReadoutLine {
  readonly index: number;
  readonly title: string;
  /** "2.310, smoothed 2.290"; null where the run has only marks. */
  readonly values: string | null;
  /** Skipped steps nearby. */
  readonly notes: readonly string[];
}

const NOTES = 3;

/** @param reach largest distance of an included mark from `x`, in units of the x axis: marks are a few pixels wide */
export function readout(
  chart: ChartDefinition,
  series: readonly Series[],
  kind: XAxisKind,
  x: number,
  reach: number,
): ReadoutLine[] {
  return series.flatMap((one): ReadoutLine[] => {
    const { run, length, index } = one;
    const at = nearestEntry(run, length, kind, x);
    const notes = (one.skipped ?? [])
      .filter((skip) => Math.abs(xOf(run, kind, skip) - x) <= reach)
      .slice(0, NOTES)
      .map((skip) => skipSentence(run.log, skip));
    const values = at < 0 || one.lineless ? null : valuesAt(chart, one, at);
    return values === null && notes.length === 0 ? [] : [{ index, title: run.title, values, notes }];
  });
}

/** Every value of the series at entry `at`, as text. */
function valuesAt(
  chart: ChartDefinition,
  { run, values, smoothed, band, gpu, validation }: Series,
  at: number,
): string {
  const step = run.log.columns.step[at]!;
  const evaluated = validation?.find((result) => result.step === step);
  return [
    inWords(chart, values[at]!),
    band && `from ${chart.format(band.low[at]!)} to ${chart.format(band.high[at]!)}`,
    smoothed && Number.isFinite(smoothed[at]) && `smoothed ${chart.format(smoothed[at]!)}`,
    gpu && `GPU alone ${inWords(chart, gpu[at]!)}`,
    evaluated && `validation ${inWords(chart, evaluated.valLoss)}`,
  ]
    .filter(Boolean)
    .join(', ');
}

/** "step 40", "20.5K tokens", "1 min 4 s". */
export function placeLabel(kind: XAxisKind, x: number): string {
  if (kind === 'time') return timeLabel(x);
  return kind === 'step' ? `step ${formatCount(x)}` : `${formatCompact(x)} tokens`;
}
