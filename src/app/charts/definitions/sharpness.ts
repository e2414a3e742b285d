import { type ChartDefinition, inWords } from '../chart.ts';
import type { PlottedRun } from '../plottedRun.ts';
import { lastOf, plainNumber } from './values.ts';

export const SHARPNESS: ChartDefinition = {
  id: 'sharpness',
  title: 'Sharpness in the logits (epsilon 0.001)',
  quantity: 'sharpness',
  column: 'sharpness',
  shape: 'steps',
  smooths: false,
  logY: true,
  series: (run, index) => {
    const values = heldSharpness(run, 'sharpness');
    return values && { index, run, length: run.log.length, values };
  },
  format: (value) => String(Number(value.toPrecision(4))),
  gap: 'not measured yet',
  tick: plainNumber,
  empty: () => 'The sharpness will appear here once it is measured.',
  summary: ({ run: { title }, values, length }) =>
    `${title}: sharpness ${inWords(SHARPNESS, lastOf(values, length))}.`,
};

/** Shown beside the sharpness, which grows with the logits. */
export const MAX_LOGIT: ChartDefinition = {
  ...SHARPNESS,
  id: 'logit',
  title: 'Largest |logit| (mean)',
  quantity: 'largest logit',
  column: 'max_logit',
  series: (run, index) => {
    const values = heldSharpness(run, 'maxLogit');
    return values && { index, run, length: run.log.length, values };
  },
  empty: () => 'The largest logit of each position, on average, will appear here.',
  summary: ({ run: { title }, values, length }) =>
    `${title}: mean largest |logit| ${inWords(MAX_LOGIT, lastOf(values, length))}.`,
};

/** Sharpness is measured only at some steps: each value holds until the next. */
function heldSharpness({ log }: PlottedRun, of: 'sharpness' | 'maxLogit'): Float64Array | null {
  if (log.sharpness.length === 0) return null;
  const { step } = log.columns;
  let next = 0;
  let held = Number.NaN;
  return Float64Array.from({ length: log.length }, (_, i) => {
    for (; next < log.sharpness.length && log.sharpness[next]!.step <= step[i]!; next++)
      held = log.sharpness[next]![of] ?? Number.NaN;
    return held;
  });
}
