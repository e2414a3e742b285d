import type { ChartDefinition } from '../chart.ts';
import { lastOf, shortExponent } from './values.ts';

export const LEARNING_RATE: ChartDefinition = {
  id: 'lr',
  title: 'Learning rate',
  quantity: 'learning rate',
  column: 'learning_rate',
  shape: 'line',
  smooths: false,
  logY: true,
  fromZero: true,
  series: (run, index) => ({ index, run, length: run.log.length, values: run.log.columns.lr }),
  format: shortExponent,
  gap: 'none',
  tick: shortExponent,
  empty: () => 'The learning rate of every step will appear here.',
  summary: ({ run: { title }, values, length }) =>
    `${title}: learning rate ${shortExponent(lastOf(values, length))}.`,
};
