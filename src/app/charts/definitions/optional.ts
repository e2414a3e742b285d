import type { OptionalFigure } from '../../../session/optionalFigures.ts';
import { type ChartDefinition, inWords } from '../chart.ts';
import { overRaw } from './smoothed.ts';
import { lastOf, plainNumber } from './values.ts';

export const LOG_Z: ChartDefinition = {
  id: 'logZ',
  title: 'log Z (mean)',
  quantity: 'mean log Z',
  column: 'log_z',
  shape: 'line',
  smooths: true,
  logY: false,
  series: (run, index, _runs, settings) =>
    run.log.reported.has('logZ') ? overRaw(run, index, run.log.columns.logZ, settings) : null,
  format: (value) => String(Number(value.toPrecision(4))),
  gap: 'not finite',
  tick: plainNumber,
  empty: () => 'The mean of log Z, Z the sum of exp(logit), will appear here.',
  summary: ({ run: { title }, values, length }) =>
    `${title}: mean log Z ${inWords(LOG_Z, lastOf(values, length))}.`,
};

/** The charts of figures that only some runs report. */
export const OPTIONAL_CHARTS: Readonly<
  Record<OptionalFigure, { readonly label: string; readonly chart: ChartDefinition }>
> = { logZ: { label: 'log Z', chart: LOG_Z } };
