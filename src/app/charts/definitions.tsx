/** The charts of a run. Their common frame is `MetricChart`. */

import { type SpeedClock, tokensPerStep } from '../../engine/index.ts';
import type { OptionalFigure } from '../../session/optionalFigures.ts';
import type { ChartSettings } from '../../store/chartStore.ts';
import { scalesLoss } from '../../store/settings.ts';
import { smooth } from '../../store/smoothing.ts';
import { tokensPerSecond } from '../../store/speed.ts';
import {
  formatCompact,
  formatCount,
  formatLoss,
  formatPercent,
  formatPowerOfTwo,
  formatTokensPerSecond,
} from '../format.ts';
import { skipSentence } from '../messages.ts';
import { type ChartDefinition, entryAt, inWords, type Mark, type Series, xOf } from './chart.ts';
import { LegendDotted, LegendSkip } from './Legend.tsx';
import { xKindOf } from './plot.ts';
import type { PlottedRun } from './plottedRun.ts';

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

/** Whether its mode scales the loss, or the run asked for it. */
function hasLossScale({ mode, log }: PlottedRun): boolean {
  return scalesLoss(mode) || (log.at(log.length - 1)?.lossScale ?? 1) !== 1;
}

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
    const marks = skipMarks(run);
    const scales = hasLossScale(run);
    if (!scales && marks.length === 0) return null;
    return { index, run, length: log.length, values: log.columns.scaleLog2, marks, lineless: !scales };
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
  return Float64Array.from(
    { length: log.length },
    (_, i) => tokensPerSecond(log, tokens, i, clock) ?? Number.NaN,
  );
}

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

const MIB = 2 ** 20;

export const MEMORY: ChartDefinition = {
  id: 'memory',
  title: 'GPU memory (MiB)',
  quantity: 'GPU memory in MiB',
  column: 'gpu_memory_mib',
  shape: 'steps',
  smooths: false,
  logY: false,
  // A line along the edge would look cut off.
  yRange: (_, highest) => [0, 1.2 * highest],
  // All buffers are created before step 1, so the run's bytes are those of every step.
  series: (run, index) => {
    if (run.memoryBytes === undefined) return null;
    const { length } = run.log;
    return { index, run, length, values: new Float64Array(length).fill(run.memoryBytes / MIB) };
  },
  format: (mib) => `${mib < 10 ? mib.toFixed(2) : formatCount(mib)} MiB`,
  gap: 'unknown',
  tick: plainNumber,
  empty: () =>
    'The size of all buffers will appear here, as a flat line: a run allocates nothing after its start.',
  summary: ({ run: { title, memoryBytes = 0 } }) =>
    `${title}: ${(memoryBytes / MIB).toFixed(1)} MiB, the same at every step.`,
};

/** The values and, unless smoothing is off, the smoothed values over them. */
function overRaw(
  run: PlottedRun,
  index: number,
  values: ArrayLike<number>,
  { smoothing }: ChartSettings,
): Series {
  const { length } = run.log;
  const series = { index, run, length, values };
  const keep = smoothing ?? run.log.smoothing;
  return keep === 0 ? series : { ...series, smoothed: smooth(values, run.log.columns.step, length, keep) };
}

/** The log's own average unless another smoothing is chosen: for a run from the history it covers every step. */
function smoothedLoss({ log }: PlottedRun, { smoothing }: ChartSettings): Float64Array {
  const { loss, step } = log.columns;
  return smoothing === null ? log.smoothedLoss() : smooth(loss, step, log.length, smoothing);
}

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

function skipMarks({ log }: PlottedRun): Mark[] {
  const { scaleLog2, step } = log.columns;
  return log.skippedIndexes().map((at) => {
    const to = at + 1 < log.length ? scaleLog2[at + 1]! : null;
    return { at, sentence: skipSentence(step[at]!, log.at(at)?.overflow ?? null, scaleLog2[at]!, to) };
  });
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

function lastOf(values: ArrayLike<number>, length: number): number {
  return length > 0 ? values[length - 1]! : Number.NaN;
}

/** The shortest form of a tick: 4, 0.25, 1e-7. */
function plainNumber(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-4 ? shortExponent(value) : String(Number(value.toPrecision(6)));
}

function shortExponent(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) >= 0.01
    ? String(Number(value.toPrecision(3)))
    : value.toExponential(2).replace(/\.?0+e/, 'e');
}

function formatSigned(value: number): string {
  const digits = Math.abs(value) < 0.1 ? 4 : 3;
  const text = String(Number(value.toFixed(digits)));
  return value > 0 && text !== '0' ? `+${text}` : text.replace('-', '−');
}
