import { type SpeedClock, tokensPerStep } from '../../../engine/index.ts';
import { tokensPerSecond } from '../../../store/speed.ts';
import { formatCompact, formatTokensPerSecond } from '../../format.ts';
import { type ChartDefinition, inWords } from '../chart.ts';
import { LegendDotted } from '../Legend.tsx';
import type { PlottedRun } from '../plottedRun.ts';
import { overRaw } from './smoothed.ts';
import { lastOf } from './values.ts';

export const SPEED: ChartDefinition = {
  id: 'speed',
  title: 'Tokens/s',
  quantity: 'tokens/s',
  column: 'tokens_per_second',
  shape: 'line',
  smooths: true,
  logY: true,
  fromZero: true,
  series: (run, index, _runs, settings) => {
    const values = speeds(run, 'wall');
    const gpu = speeds(run, 'gpu');
    if (!values || !gpu) return null;
    return { ...overRaw(run, index, values, settings), ...(gpu.some(Number.isFinite) && { gpu }) };
  },
  format: formatTokensPerSecond,
  gap: 'warming up',
  tick: formatCompact,
  empty: () => 'The speed will appear here after 5 warm-up steps.',
  summary: ({ run: { title }, values, gpu, length }) => {
    const alone = gpu ? `, by the GPU's own clock ${inWords(SPEED, lastOf(gpu, length))}` : '';
    return `${title}: tokens per second, median of 20 steps: ${inWords(SPEED, lastOf(values, length))}${alone}.`;
  },
  legend: (series) => series.some(({ gpu }) => gpu) && <LegendDotted label="GPU time alone" />,
};

/** Replaces `SPEED` when other runs use the GPU between the steps of a run. */
export const GPU_SPEED: ChartDefinition = {
  ...SPEED,
  title: 'Tokens/s (GPU time)',
  column: 'tokens_per_second_gpu',
  series: (run, index, _runs, settings) => {
    const values = speeds(run, 'gpu');
    return values?.some(Number.isFinite) ? overRaw(run, index, values, settings) : null;
  },
  empty: () => "The speed by the GPU's own clock will appear here after 5 warm-up steps.",
  summary: ({ run: { title }, values, length }) =>
    `${title}: tokens per second of GPU time, median of 20 steps: ${inWords(SPEED, lastOf(values, length))}.`,
  legend: () => null,
};

/** Tokens per second at every entry of the log; NaN during warm-up and where the clock has no time. */
function speeds({ log, config }: PlottedRun, clock: SpeedClock): Float64Array | null {
  if (!config) return null;
  const tokens = tokensPerStep(config);
  return new Float64Array(log.length).map((_, i) => tokensPerSecond(log, tokens, i, clock) ?? Number.NaN);
}
