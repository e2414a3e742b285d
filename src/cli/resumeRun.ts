/** `--resume`: determines the configuration of a resumed run, and checks the options that are given with it. */
import {
  checkConfig,
  EngineError,
  type Field,
  filledIn,
  presetOf,
  type RunDescription,
  type RunFile,
  rowOf,
  type TrainConfig,
  tokensIn,
} from '../engine/index.ts';
import { overridesOf, type TextChoice } from './options.ts';

/** What a preset given with `--resume` must have in common with the run. */
const SHAPE: readonly Field[] = ['layers', 'heads', 'width', 'context', 'batch'];

/**
 * Returns the configuration of the saved run with the options that may change.
 * @throws EngineError WRONG_RUN naming an option that contradicts the file, with both values; BAD_VALUE for an invalid
 * value of an option that may change
 */
export function resumedConfig(file: RunFile, given: ReadonlyMap<string, string>): TrainConfig {
  const overrides = overridesOf(given);
  const preset = given.get('preset');
  const run = withMicroBatch(file, {
    ...(preset !== undefined && pick(presetOf(preset).config, SHAPE)),
    ...overrides,
  });
  const saved = run.description.config;
  const free: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(overrides) as [Field, unknown][]) {
    if (rowOf(field).resumable) free[field] = value;
    else if (!isSaved(run, field, value)) throw contradiction(run, field, value);
  }
  if (preset !== undefined) checkPreset(run, preset, overrides);
  const config: TrainConfig = { ...saved, ...free };
  checkSteps(run, config);
  checkConfig(config);
  return config;
}

/**
 * Old files have no micro-batch. If memory was short, they describe a run with smaller batches and more accumulation. When
 * the run is resumed with its original batch, this describes it by a micro-batch instead, so that each step has the same
 * tokens in the same micro-batches.
 */
function withMicroBatch(run: RunFile, { batch, accumulation }: Partial<TrainConfig>): RunFile {
  const saved = run.description.config;
  if (batch === undefined || accumulation === undefined || saved.microBatch !== null) return run;
  const sameTokens = batch * accumulation === saved.batch * saved.accumulation;
  const isSplit = batch > saved.batch && batch % saved.batch === 0;
  if (!sameTokens || !isSplit) return run;
  const config = { ...saved, batch, accumulation, microBatch: saved.batch };
  return { ...run, description: { ...run.description, config } };
}

function pick(config: TrainConfig, fields: readonly Field[]): Partial<TrainConfig> {
  return Object.fromEntries(fields.map((field) => [field, config[field]]));
}

/** Whether the run has this value, whether it was given or follows from its mode or text. */
function isSaved({ description }: RunFile, field: Field, value: unknown): boolean {
  const { config, tokenizer } = description;
  if (value === config[field] || value === filledIn(config)[field]) return true;
  if (field !== 'vocabulary') return false;
  const tokens = tokensIn(tokenizer);
  return Math.max(tokens, Number(value)) === Math.max(tokens, config.vocabulary ?? 0);
}

function checkPreset(run: RunFile, name: string, given: Partial<TrainConfig>): void {
  const saved = run.description.config;
  const preset = presetOf(name).config;
  const other = SHAPE.find((field) => given[field] === undefined && preset[field] !== saved[field]);
  if (other === undefined) return;
  throw new EngineError(
    'WRONG_RUN',
    `--preset ${name} has ${other} ${preset[other]}, but ${nameOf(run)} has ${saved[other]}.`,
    'A resumed run keeps its settings. Leave --preset out, or start a new run.',
  );
}

/** @throws EngineError WRONG_RUN when the new total is less than the run's steps so far or its warm-up */
function checkSteps(run: RunFile, { steps, warmup }: TrainConfig): void {
  const { attempted } = run.progress;
  const saved = run.description.config;
  const [minimum, why] =
    steps < attempted
      ? [attempted, `has already taken ${attempted}`]
      : [warmup, `has a linear warm-up of ${warmup} steps, after which the learning rate can fall`];
  if (steps >= minimum) return;
  throw new EngineError(
    'WRONG_RUN',
    `--steps is ${steps}, but ${nameOf(run)} ${why}.`,
    `--steps is the total number of steps. Give at least ${minimum}, or leave it out for ${saved.steps}.`,
  );
}

function contradiction(run: RunFile, field: Field, asked: unknown): EngineError {
  const name = rowOf(field).option;
  const saved = filledIn(run.description.config)[field];
  const message =
    typeof asked === 'boolean'
      ? `--${name} was given, but ${nameOf(run)} was started without it.`
      : `--${name} is ${asked}, but ${nameOf(run)} has ${saved ?? 'none'}.`;
  return new EngineError(
    'WRONG_RUN',
    message,
    `A resumed run keeps its settings. Leave --${name} out, or start a new run.`,
  );
}

function nameOf({ file }: RunFile): string {
  return `the run in "${file.source.name}"`;
}

/** The text of the saved run, when none is given. @throws EngineError WRONG_RUN when it was the user's own file */
export function textOf({ text }: RunDescription): TextChoice {
  if (text.builtin) return { kind: 'builtin', id: text.builtin };
  throw new EngineError(
    'WRONG_RUN',
    `The run was trained on the file "${text.name}", which is not saved with the run.`,
    'Give the file again with --data FILE.',
  );
}
