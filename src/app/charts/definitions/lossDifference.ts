import type { ChartSettings } from '../../../store/chartStore.ts';
import { smooth } from '../../../store/smoothing.ts';
import { type ChartDefinition, entryAt, inWords, xOf } from '../chart.ts';
import { xKindOf } from '../plot.ts';
import type { PlottedRun } from '../plottedRun.ts';
import { lastOf } from './values.ts';

export const DIFFERENCE: ChartDefinition = {
  id: 'difference',
  title: 'Loss difference (nats per token)',
  quantity: 'loss difference',
  column: 'smoothed_loss_difference',
  shape: 'line',
  smooths: true,
  logY: false,
  series: (run, index, runs, settings) => {
    const first = referenceOf(run, runs);
    if (first === run || first.log.length === 0) return null;
    return { index, run, length: run.log.length, values: differences(run, first, runs, settings) };
  },
  format: formatSigned,
  gap: 'no step to compare with',
  tick: formatSigned,
  references: () => [{ value: 0, label: '' }],
  empty: (runs) =>
    `The difference to ${runs[0]?.title ?? 'the first run'} will appear here once two runs have steps.`,
  summary: ({ run: { title }, values, length }) =>
    `${title}: smoothed loss minus that of the first run: ${inWords(DIFFERENCE, lastOf(values, length))}.`,
};

/** The first run or, in a comparison over seeds, the first run of the same seed. */
function referenceOf(run: PlottedRun, runs: readonly PlottedRun[]): PlottedRun {
  const sameSeed = runs.find(({ config }) => config?.seed === run.config?.seed);
  return (run.place === undefined ? undefined : sameSeed) ?? runs[0]!;
}

/**
 * Loss minus that of `first` at the same x, smoothed; a gap where `first` has no step. The difference is what is
 * smoothed: at the end of the shorter run only one of the losses has steps to come.
 */
function differences(
  run: PlottedRun,
  first: PlottedRun,
  runs: readonly PlottedRun[],
  { x, smoothing }: ChartSettings,
): Float64Array {
  const kind = xKindOf(runs, x);
  const { length, columns } = run.log;
  const others = first.log.columns.loss;
  const end = xOf(first, kind, first.log.length - 1);
  const raw = Float64Array.from({ length }, (_, i) => {
    const at = xOf(run, kind, i);
    const other = at > end ? -1 : entryAt(first, first.log.length, kind, at);
    if (other < 0 || (other === 0 && at < xOf(first, kind, 0))) return Number.NaN;
    return columns.loss[i]! - others[other]!;
  });
  return smooth(raw, columns.step, length, smoothing ?? run.log.smoothing);
}

function formatSigned(value: number): string {
  const digits = Math.abs(value) < 0.1 ? 4 : 3;
  const text = String(Number(value.toFixed(digits)));
  return value > 0 && text !== '0' ? `+${text}` : text.replace('-', '−');
}
