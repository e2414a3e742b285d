/** `--resume`: what a saved run goes on with, and which options may still be given. */
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
 * The saved run's configuration with the options that may change.
 * @throws EngineError WRONG_RUN naming an option that contradicts the file, with both values; BAD_VALUE for one that may
 * change and is wrong
 */
export function resumedConfig(file: RunFile, given: ReadonlyMap<string, string>): TrainConfig {
  const overrides = overridesOf(given);
  const preset = given.get('preset');
  const run = asCut(file, {
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
 * Files that name no micro-batch have a run whose batches were cut for want of memory as one of smaller batches. Asked for as
 * it began, it is cut the same way: its steps have the same tokens in the same micro-batches.
 */
function asCut(run: RunFile, { batch, accumulation }: Partial<TrainConfig>): RunFile {
  const saved = run.description.config;
  if (batch === undefined || accumulation === undefined || saved.microBatch !== null) return run;
  const sameTokens = batch * accumulation === saved.batch * saved.accumulation;
  const isCut = batch > saved.batch && batch % saved.batch === 0;
  if (!sameTokens || !isCut) return run;
  const config = { ...saved, batch, accumulation, microBatch: saved.batch };
  return { ...run, description: { ...run.description, config } };
}

function pick(config: TrainConfig, fields: readonly Field[]): Partial<TrainConfig> {
  return Object.fromEntries(fields.map((field) => [field, config[field]]));
}

/** Whether the run has this value, given or left to its mode and its text. */
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
    `--preset ${name} has ${other} ${preset[other]}, and ${nameOf(run)} has ${saved[other]}.`,
    'A run goes on as it began: leave --preset out, or start a new run.',
  );
}

/** @throws EngineError WRONG_RUN where the new total is none that the run can have */
function checkSteps(run: RunFile, { steps, warmup }: TrainConfig): void {
  const { attempted } = run.progress;
  const saved = run.description.config;
  const [least, why] =
    steps < attempted
      ? [attempted, `has taken ${attempted}`]
      : [warmup, `has a linear warm-up of ${warmup} steps, after which the learning rate can fall`];
  if (steps >= least) return;
  throw new EngineError(
    'WRONG_RUN',
    `--steps is ${steps}, and ${nameOf(run)} ${why}.`,
    `--steps is the total: give at least ${least}, or leave it out for ${saved.steps}.`,
  );
}

function contradiction(run: RunFile, field: Field, asked: unknown): EngineError {
  const name = rowOf(field).option;
  const saved = filledIn(run.description.config)[field];
  const message =
    typeof asked === 'boolean'
      ? `--${name} was given, and ${nameOf(run)} was begun without it.`
      : `--${name} is ${asked}, and ${nameOf(run)} has ${saved ?? 'none'}.`;
  return new EngineError(
    'WRONG_RUN',
    message,
    `A run goes on as it began: leave --${name} out, or start a new run.`,
  );
}

function nameOf({ file }: RunFile): string {
  return `the run in "${file.source.name}"`;
}

/** The text to go on with, where none was given. @throws EngineError WRONG_RUN when it was a file of the user's */
export function textOf({ text }: RunDescription): TextChoice {
  if (text.builtin) return { kind: 'builtin', id: text.builtin };
  throw new EngineError(
    'WRONG_RUN',
    `The run was trained on the file "${text.name}", which is not saved with it.`,
    'Give it again: --data FILE.',
  );
}
