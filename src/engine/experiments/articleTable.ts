/**
 * The table of an article, made again on another device: FP32, TF32, mixed f16 and both, each at the largest batch that it
 * fits in a memory budget. Pure planning: which preset, which batches, and how long it takes.
 */
import { configure } from '../config/configure.ts';
import { VOCABULARY_PADDING } from '../config/gptConfig.ts';
import { PRESETS, type PresetName } from '../config/presets.ts';
import { gptConfig, type TrainConfig, tokensPerStep } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { mebibytes } from '../core/mebibytes.ts';
import { mostTokens } from '../data/tokenizer.ts';
import { flopsPerToken } from '../model/decoder.ts';
import { type LargestBatch, largestBatch } from '../model/largestBatch.ts';
import { memoryEstimate } from '../model/memoryPlan.ts';
import type { PlanLimits } from '../model/tensors.ts';
import type { NamedMode } from '../precision/modes/families.ts';
import { inMode, type PlannedRun } from './planned.ts';

/** What the article measured for a format. */
export interface ArticleFigures {
  readonly tokensPerSec: number;
  /** The largest batch that fit its GPU, at which the speed was measured. */
  readonly batch: number;
  /** GiB in use; null where the article does not say. */
  readonly gib: number | null;
}

/** The rows of the article's table, in its order. */
export const ARTICLE_MODES = ['fp32', 'tf32', 'fp16', 'fp16-tf32'] as const satisfies readonly NamedMode[];
export type ArticleMode = (typeof ARTICLE_MODES)[number];

export const ARTICLE = {
  title: 'Writing an LLM from scratch, part 28',
  author: 'Giles Thomas',
  /** The month's list, in which it stands. */
  url: 'https://www.gilesthomas.com/2025/12',
  gpu: 'RTX 3090',
  /** The size of its model, which is this preset's. */
  preset: 'gpt2-163m' satisfies PresetName,
  /** Memory of its GPU. */
  gib: 24,
  figures: {
    fp32: { tokensPerSec: 12_599, batch: 5, gib: 20.99 },
    tf32: { tokensPerSec: 15_402, batch: 5, gib: null },
    fp16: { tokensPerSec: 19_921, batch: 6, gib: null },
    'fp16-tf32': { tokensPerSec: 19_997, batch: 6, gib: null },
  } satisfies Readonly<Record<ArticleMode, ArticleFigures>>,
} as const;

/** Trained last: the scaler is taken away, to show what it was for. */
export const UNSCALED_MODE = 'fp16-noscale' satisfies NamedMode;
/** Every run of the table, in the order of training. */
export const TABLE_MODES = [...ARTICLE_MODES, UNSCALED_MODE] as const;
export type TableMode = (typeof TABLE_MODES)[number];

/** The modes whose speed is measured beforehand; the others compute as mixed f16 does. */
const TIMED_MODES = ['fp32', 'tf32', 'fp16'] as const;
type TimedMode = (typeof TIMED_MODES)[number];

/** The presets of GPT-2's shape, by increasing FLOPs a token. */
export const TABLE_PRESETS = ['smoke', 'starter', 'small', 'nanogpt-char', 'gpt2', 'gpt2-163m'] as const;
export type TablePreset = (typeof TABLE_PRESETS)[number];

/** As many as the article timed. */
export const TABLE_STEPS = 100;
/** A table that takes longer than this has fewer steps, or a smaller preset. */
export const TABLE_SECONDS = 300;
/** Of which 15 are timed. */
export const LEAST_STEPS = 20;
/** The first five are not timed. */
const MEASURED_STEPS = 15;
const FORWARD_SHARE = 1 / 3;

/** What was measured with a few steps of a preset. */
export interface MeasuredSpeed {
  readonly preset: TablePreset;
  /** Model FLOPs a second. */
  readonly flopsPerSec: Readonly<Record<TimedMode, number>>;
  /** Seconds from the beginning of a run to the end of its first step, the median of the modes: the first compiles for all. */
  readonly startUp: number;
}

/** A run of the table before it is trained. */
export interface FittedRun extends PlannedRun {
  readonly mode: TableMode;
  /** The largest batch, which `config` has, and what limits it. */
  readonly largest: LargestBatch;
}

export interface TablePlan {
  readonly preset: TablePreset;
  readonly steps: number;
  /** In the order of {@link TABLE_MODES}. */
  readonly runs: readonly FittedRun[];
  readonly estimate: TableEstimate;
}

/** How long a table takes, and why. */
export interface TableEstimate {
  /** Of the whole table, with start-up and evaluations. */
  readonly seconds: number;
  /** The preset whose steps were timed, and its speed in FP32. */
  readonly measured: TablePreset;
  readonly flopsPerSec: number;
  /** Of the table's preset. */
  readonly flopsPerToken: number;
  /**
   * The next larger preset and its seconds with {@link LEAST_STEPS}, null where it does not fit the budget. Null for the
   * largest, and for a preset that was given.
   */
  readonly larger: { readonly preset: TablePreset; readonly seconds: number | null } | null;
}

/** What the batches are planned for. */
export interface TableBudget {
  readonly limits: PlanLimits;
  readonly bytes: number;
}

/**
 * Short runs whose speed says how long a table takes: FP32, TF32 and mixed f16, at the preset's batch or the largest that
 * fits.
 * @throws EngineError as {@link planTable}
 */
export function measuringRuns(preset: TablePreset, budget: TableBudget): PlannedRun[] {
  const runs = runsWithin(preset, budget, MEASURED_STEPS);
  return TIMED_MODES.map((mode) => {
    const { config } = runs.find((run) => run.mode === mode)!;
    const batch = Math.min(config.batch, PRESETS[preset].config.batch);
    return { mode, config: { ...config, batch, evalBatches: 1 } };
  });
}

/** @param measured of the runs of {@link measuringRuns}, in their order */
export function measuredSpeed(
  preset: TablePreset,
  measured: readonly { readonly tokensPerSec: number; readonly startUpMs: number }[],
): MeasuredSpeed {
  const flops = tableFlops(PRESETS[preset].config);
  const of = (mode: TimedMode) => measured[TIMED_MODES.indexOf(mode)]!.tokensPerSec * flops;
  return {
    preset,
    flopsPerSec: { fp32: of('fp32'), tf32: of('tf32'), fp16: of('fp16') },
    startUp:
      measured.map(({ startUpMs }) => startUpMs).toSorted((a, b) => a - b)[measured.length >> 1]! / 1000,
  };
}

/**
 * Plans the table of a preset.
 * @throws EngineError BAD_VALUE naming the mode that does not fit the budget with a batch of 1, LIMIT_EXCEEDED when a
 * parameter exceeds the adapter's limit
 */
export function planTable(
  preset: TablePreset,
  budget: TableBudget,
  speed: MeasuredSpeed,
  steps: number = TABLE_STEPS,
): TablePlan {
  const runs = runsWithin(preset, budget, steps);
  const seconds = runs.reduce((sum, run) => sum + secondsOf(run, speed), 0);
  const estimate = {
    ...{ seconds, measured: speed.preset, flopsPerSec: speed.flopsPerSec.fp32, larger: null },
    flopsPerToken: tableFlops(PRESETS[preset].config),
  };
  return { preset, steps, runs, estimate };
}

/**
 * The table of the largest preset that fits the budget and takes less than {@link TABLE_SECONDS}, if need be with fewer steps,
 * down to {@link LEAST_STEPS}: a large budget has large batches. Where none does, that of the smallest.
 * @throws EngineError as {@link planTable}, when not even the smallest fits
 */
export function chooseTable(budget: TableBudget, speed: MeasuredSpeed): TablePlan {
  const [smallest, ...others] = TABLE_PRESETS;
  let larger: TableEstimate['larger'] = null;
  for (const preset of others.reverse()) {
    const plan = planIfItFits(preset, budget, speed);
    if (plan && plan.estimate.seconds < TABLE_SECONDS)
      return { ...plan, estimate: { ...plan.estimate, larger } };
    larger = { preset, seconds: plan?.estimate.seconds ?? null };
  }
  const plan = planWithin(smallest, budget, speed);
  return { ...plan, estimate: { ...plan.estimate, larger } };
}

/** With as many steps as take less than {@link TABLE_SECONDS}, from {@link LEAST_STEPS} to {@link TABLE_STEPS}. */
function planWithin(preset: TablePreset, budget: TableBudget, speed: MeasuredSpeed): TablePlan {
  const most = planTable(preset, budget, speed, TABLE_STEPS);
  const least = planTable(preset, budget, speed, LEAST_STEPS);
  if (most.estimate.seconds < TABLE_SECONDS) return most;
  if (least.estimate.seconds >= TABLE_SECONDS) return least;
  const perStep = (most.estimate.seconds - least.estimate.seconds) / (TABLE_STEPS - LEAST_STEPS);
  const more = Math.ceil((TABLE_SECONDS - least.estimate.seconds) / perStep) - 1;
  return planTable(preset, budget, speed, LEAST_STEPS + more);
}

function planIfItFits(preset: TablePreset, budget: TableBudget, speed: MeasuredSpeed): TablePlan | null {
  try {
    return planWithin(preset, budget, speed);
  } catch (cause) {
    if (cause instanceof EngineError) return null;
    throw cause;
  }
}

/**
 * What follows a measurement: that of a larger preset which its speed promises, because small models use large GPUs badly, or
 * the table. The first to measure is the given preset, or else the smallest.
 * @param given the preset to train whatever it takes; null for the largest that {@link chooseTable} finds
 * @throws EngineError as {@link planTable}
 */
export function afterMeasuring(
  given: TablePreset | null,
  budget: TableBudget,
  speed: MeasuredSpeed,
): { readonly measure: TablePreset } | { readonly plan: TablePlan } {
  if (given) return { plan: planTable(given, budget, speed) };
  const plan = chooseTable(budget, speed);
  const isLarger = TABLE_PRESETS.indexOf(plan.preset) > TABLE_PRESETS.indexOf(speed.preset);
  return isLarger ? { measure: plan.preset } : { plan };
}

/** Every run of the table at its largest batch. */
function runsWithin(preset: TablePreset, { limits, bytes }: TableBudget, steps: number): FittedRun[] {
  const shape = configure(PRESETS[preset].config, { steps, evalEvery: 0, sampleLength: 0 });
  const vocabulary = vocabularyOf(shape);
  return TABLE_MODES.map((mode) => {
    const config = { ...inMode(shape, mode), microBatch: null, accumulation: 1 };
    const largest = largestBatch(config, vocabulary, limits, bytes);
    if (largest.batch === 0) throw doesNotFit(preset, config, { limits, bytes });
    return { mode, config: { ...config, batch: largest.batch }, largest };
  });
}

function doesNotFit(preset: TablePreset, config: TrainConfig, { limits, bytes }: TableBudget): EngineError {
  const { total } = memoryEstimate({ ...config, batch: 1 }, vocabularyOf(config), limits).bytes;
  return new EngineError(
    'BAD_VALUE',
    `${PRESETS[preset].title} in ${config.precision} needs ${mebibytes(total)} with a batch of 1; the budget is ${mebibytes(bytes)}.`,
    'Give a larger budget, or choose a smaller model.',
  );
}

function secondsOf({ mode, config }: FittedRun, { flopsPerSec, startUp }: MeasuredSpeed): number {
  const rate = mode === 'fp32' || mode === 'tf32' ? flopsPerSec[mode] : flopsPerSec.fp16;
  const batches = config.steps + FORWARD_SHARE * config.evalBatches;
  return startUp + (batches * tokensPerStep(config) * tableFlops(config)) / rate;
}

function tableFlops(config: TrainConfig): number {
  return flopsPerToken(gptConfig(config, vocabularyOf(config)));
}

/** Of a built-in text, whose fewer than 128 characters a plan pads. */
function vocabularyOf({ tokenizer }: TrainConfig): number {
  return mostTokens(tokenizer) ?? VOCABULARY_PADDING;
}
