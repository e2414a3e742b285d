import { type ChartDefinition, inWords } from '../chart.ts';
import { overRaw } from './smoothed.ts';
import { lastOf, plainNumber } from './values.ts';

export const GRADIENT_NORM: ChartDefinition = {
  id: 'norm',
  title: 'Gradient norm (unscaled)',
  quantity: 'gradient norm',
  column: 'gradient_norm',
  shape: 'line',
  smooths: true,
  logY: true,
  series: (run, index, _runs, settings) => overRaw(run, index, run.log.columns.gradNorm, settings),
  format: (value) => String(Number(value.toPrecision(3))),
  gap: 'not finite',
  tick: plainNumber,
  references: (runs) =>
    [...new Set(runs.map(({ config }) => config?.clip ?? 0))]
      .filter((clip) => clip > 0)
      .map((clip) => ({ value: clip, label: `clipped above ${clip}` })),
  empty: () => 'The gradient norm of every step, without the loss scale, will appear here.',
  summary: ({ run: { title }, values, length }) =>
    `${title}: gradient norm ${inWords(GRADIENT_NORM, lastOf(values, length))}.`,
};
