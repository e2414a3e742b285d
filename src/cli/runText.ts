/** The texts that the command line prints before, during and after a run. */

import {
  type Dataset,
  type EvalMetrics,
  endsText,
  GPT2_END,
  GPT2_END_ID,
  type HalfStorage,
  MAX_LEARNED_BYTES,
  type MemoryBytes,
  microBatchOf,
  otherKinds,
  type PresetName,
  type RunSummary,
  recipeFor,
  type SharpnessMetrics,
  type StepMetrics,
  type TrainConfig,
  tokensPerStep,
} from '../engine/index.ts';
import { formatBytes, formatCount, formatDuration, formatLoss, formatScale, percent } from './format.ts';

export interface RunFacts {
  readonly adapter: string;
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  readonly parameters: number;
  readonly storage: HalfStorage | null;
  readonly memory: MemoryBytes;
}

/** The note that the preset was chosen because of the adapter. */
export function presetNote(preset: PresetName, standard: PresetName): string {
  return `note: a software renderer is slow, so preset "${preset}" is used; --preset ${standard} selects the usual one.\n`;
}

export function planText({ adapter, config, dataset, parameters, storage, memory }: RunFacts): string {
  const { layers, heads, width, context, steps } = config;
  const recipe = recipeFor(config);
  const { total, ...parts } = memory;
  const items = Object.entries(parts)
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${spaced(name)} ${(bytes / 2 ** 20).toFixed(1)}`);
  const note = readingNote(dataset);
  return [
    `Adapter    ${adapter}`,
    `Text       ${dataset.name}: ${formatCount(dataset.train.length)} training and ${formatCount(dataset.validation.length)} validation tokens, vocabulary ${vocabularyText(dataset.tokenizer.vocabulary, config)}, checksum ${dataset.checksum}`,
    ...(note ? [note] : []),
    `Model      ${formatCount(parameters)} parameters: ${layers} layers, ${heads} heads, width ${width}, context ${context}${otherKinds(config)}`,
    `Steps      ${formatCount(steps)} of ${formatCount(tokensPerStep(config))} tokens (${batchText(config)})`,
    `Precision  ${recipe.title}${storage ? `, f16 ${storage}` : ''}: ${recipe.summary}`,
    `Memory     ${formatBytes(total)}: ${items.join(', ')}`,
  ].join('\n');
}

/** Describes the batch, accumulation and micro-batches of a step. */
function batchText(config: TrainConfig): string {
  const { batch, accumulation } = config;
  const windows = microBatchOf(config);
  const parts = windows === batch ? '' : `, in micro-batches of ${windows}`;
  return `batch ${batch}${accumulation > 1 ? ` x ${accumulation}` : ''}${parts}`;
}

/** Notes on unexpected details of how a text was tokenized; null when there are none. */
export function readingNote({ tokenizer, reading }: Pick<Dataset, 'tokenizer' | 'reading'>): string | null {
  const { endMarks, unlearned } = reading;
  const lines = [];
  // A loaded tokenizer cannot be exchanged for GPT-2's.
  if (endMarks > 0 && !endsText(tokenizer.json) && tokenizer.kind !== 'loaded') {
    const each = [...tokenizer.encode(GPT2_END)].length;
    lines.push(
      `Note       the text has ${GPT2_END} ${formatCount(endMarks)} times, each read as ${each} ordinary tokens; --tokenizer gpt2-eot reads it as token ${GPT2_END_ID}, the end of a document`,
    );
  }
  if (unlearned > 0) {
    lines.push(
      `Note       pieces of words were learned from the first ${formatBytes(MAX_LEARNED_BYTES)} of distinct words; ${formatBytes(unlearned)} of the text, in words beyond these, were not used`,
    );
  }
  return lines.length > 0 ? lines.join('\n') : null;
}

/** The vocabulary of the tokenizer, and its size in the model if it is padded. */
function vocabularyText(tokens: number, { vocabulary }: TrainConfig): string {
  return vocabulary !== null && vocabulary > tokens
    ? `${tokens} padded to ${formatCount(vocabulary)}`
    : `${tokens}`;
}

/** @param stepsPerSecond null while it is not known */
export function progressText(
  metrics: StepMetrics,
  config: TrainConfig,
  stepsPerSecond: number | null,
): string {
  const { step, loss, lossScale, skippedSteps, skipped, overflow } = metrics;
  const speed =
    stepsPerSecond === null
      ? ['measuring speed']
      : [
          `${formatCount(stepsPerSecond * tokensPerStep(config))} tokens/s`,
          `ETA ${formatDuration((config.steps - step) / stepsPerSecond)}`,
        ];
  return [
    `step ${step}/${config.steps}`,
    `loss ${formatLoss(loss)}`,
    `scale ${formatScale(lossScale)}`,
    `skips ${skippedSteps}`,
    ...speed,
    ...(skipped ? [`skipped: ${overflow ?? 'a gradient'} overflowed`] : []),
  ].join('  ');
}

export function evalText({ step, ...losses }: EvalMetrics): string {
  return `step ${step}  validation loss ${validationText(losses)}`;
}

/** "1.4712, 1.4650 with averaged weights". */
function validationText({ valLoss, emaLoss }: Pick<EvalMetrics, 'valLoss' | 'emaLoss'>): string {
  const averaged = emaLoss === undefined ? '' : `, ${formatLoss(emaLoss)} with averaged weights`;
  return `${formatLoss(valLoss)}${averaged}`;
}

export function sharpnessText({ step, sharpness, sharpnessLast, maxLogit }: SharpnessMetrics): string {
  const figure = (value: number | null, digits: number) =>
    value === null ? 'not finite' : value.toFixed(digits);
  return `step ${step}  sharpness ${figure(sharpness, 4)}, at last positions ${figure(sharpnessLast, 4)}, mean max |logit| ${figure(maxLogit, 2)}`;
}

export function summaryText(summary: RunSummary, config: TrainConfig): string {
  const {
    steps,
    best,
    appliedSteps,
    skippedSteps,
    firstLoss,
    finalLoss,
    tokensPerSec,
    msPerStep,
    mfu,
    startUpMs,
  } = summary;
  const early =
    steps < config.steps
      ? ` of ${formatCount(config.steps)}, ${summary.endedEarly ? `ended after ${config.earlyStop} evaluations without a lower validation loss` : 'stopped early'}`
      : '';
  const training =
    steps === 0 ? '' : `${formatLoss(firstLoss)} at the first step, ${formatLoss(finalLoss)} at the last, `;
  const speed =
    tokensPerSec === null || msPerStep === null
      ? 'too few steps to measure'
      : `${formatCount(tokensPerSec)} tokens/s, ${msPerStep.toFixed(1)} ms per step`;
  return [
    `Steps      ${formatCount(steps)}${early} (${formatCount(appliedSteps)} applied, ${formatCount(skippedSteps)} skipped)`,
    `Loss       ${training}${validationText(summary)} in validation (nats)`,
    ...(best
      ? [`Best       ${formatLoss(best.valLoss)} in validation after step ${formatCount(best.step)}`]
      : []),
    `Speed      ${speed}${tokensPerSec === null ? '' : `, ${shareText(mfu)}`}`,
    `Start      ${startUpMs === null ? 'no step finished' : `${(startUpMs / 1000).toFixed(1)} s until the first loss, including compilation`}`,
    `Scale      ${formatScale(summary.lossScale)}`,
    `Memory     ${formatBytes(summary.memory.total)}`,
  ].join('\n');
}

function shareText(mfu: number | null): string {
  return mfu === null
    ? 'share of the f32 peak unknown, because the peak could not be measured'
    : `${percent(mfu)} of the measured f32 peak`;
}

/** Formats `activationGradients` as `activation gradients`. */
function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
