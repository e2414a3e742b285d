import { scalesLoss } from '../../../store/settings.ts';
import { formatCount, formatPercent, formatPowerOfTwo } from '../../format.ts';
import type { ChartDefinition, Series } from '../chart.ts';
import { LegendSkip } from '../Legend.tsx';
import type { PlottedRun } from '../plottedRun.ts';

export const LOSS_SCALE: ChartDefinition = {
  id: 'scale',
  title: 'Loss scale',
  quantity: 'loss scale',
  column: 'loss_scale_log2',
  shape: 'steps',
  smooths: false,
  logY: false,
  series: (run, index) => {
    const { log } = run;
    const skipped = log.skippedIndexes();
    const scales = hasLossScale(run);
    if (!scales && skipped.length === 0) return null;
    return { index, run, length: log.length, values: log.columns.scaleLog2, skipped, lineless: !scales };
  },
  format: formatPowerOfTwo,
  gap: 'none',
  tick: formatPowerOfTwo,
  yRange: (lowest, highest) => [Math.max(0, Math.floor(lowest) - 2), Math.ceil(highest) + 2],
  yTicks: powersOfTwo,
  empty: (runs) => {
    const started = runs.filter(({ log }) => log.length > 0);
    if (started.length === 0)
      return 'The loss scale of every step will appear here, with a mark for each skipped step.';
    return `${started.map(({ title }) => title).join(' and ')}: no loss scaling, and no step was skipped.`;
  },
  summary: (series) => {
    const { title, log } = series.run;
    const scale = log.at(series.length - 1)?.lossScale ?? 1;
    const what = hasLossScale(series.run)
      ? `loss scale 2 to the ${Math.log2(scale)}`
      : 'does not scale the loss';
    return `${title}: ${what}, ${skipText(series)}.`;
  },
  legend: (series) =>
    series.map((one) => (
      <LegendSkip
        key={one.index}
        label={`${series.length > 1 ? `${one.run.title}: ` : ''}${skipText(one)}`}
      />
    )),
};

/** Whether its mode scales the loss, or the run asked for it. */
function hasLossScale({ mode, log }: PlottedRun): boolean {
  return scalesLoss(mode) || (log.at(log.length - 1)?.lossScale ?? 1) !== 1;
}

function skipText({ run: { log }, length }: Series): string {
  const last = log.at(length - 1);
  const [skipped, steps] = [last?.skippedSteps ?? 0, last?.step ?? 0];
  return `${formatCount(skipped)} of ${formatCount(steps)} steps skipped (${formatPercent(skipped / Math.max(1, steps))})`;
}

/** Whole powers of two, as many as the height has room for. */
function powersOfTwo(low: number, high: number): number[] {
  const stride = Math.max(1, Math.ceil((high - low) / 6));
  const first = Math.ceil(low / stride) * stride;
  const ticks = Array.from({ length: Math.floor((high - first) / stride) + 1 }, (_, i) => first + i * stride);
  // The lowest label would overlap those of the x axis.
  return ticks.filter((at) => at > low);
}
