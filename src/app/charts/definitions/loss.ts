import type { ChartSettings } from '../../../store/chartStore.ts';
import { smooth } from '../../../store/smoothing.ts';
import { formatCount, formatLoss } from '../../format.ts';
import type { ChartDefinition } from '../chart.ts';
import type { PlottedRun } from '../plottedRun.ts';
import { plainNumber } from './values.ts';

export const LOSS: ChartDefinition = {
  id: 'loss',
  title: 'Loss (nats per token)',
  quantity: 'loss',
  column: 'loss',
  shape: 'line',
  smooths: true,
  logY: true,
  large: true,
  series: (run, index, _runs, settings) => {
    const { log } = run;
    const series = { index, run, length: log.length, values: log.columns.loss, validation: [...log.evals] };
    return settings.smoothing === 0 ? series : { ...series, smoothed: smoothedLoss(run, settings) };
  },
  format: formatLoss,
  gap: 'not finite',
  tick: plainNumber,
  empty: () => 'The loss of every step will appear here.',
  summary: ({ run: { title, log }, length, validation }) => {
    const [first, last] = [log.at(0)!, log.at(length - 1)!];
    const evaluated = validation?.at(-1);
    const held = evaluated ? ` Validation loss ${formatLoss(evaluated.valLoss)}.` : '';
    return `${title}: loss ${formatLoss(first.loss)} at step ${formatCount(first.step)}, ${formatLoss(last.loss)} at step ${formatCount(last.step)}.${held}`;
  },
};

/** The log's own average unless another smoothing is chosen: for a run from the history it covers every step. */
function smoothedLoss({ log }: PlottedRun, { smoothing }: ChartSettings): Float64Array {
  const { loss, step } = log.columns;
  return smoothing === null ? log.smoothedLoss() : smooth(loss, step, log.length, smoothing);
}
