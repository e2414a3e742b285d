/** `--resume`: what a saved run goes on with, and which options may still be given. */
import type { RunDescription, RunFile } from '../engine/checkpoint/runFile.ts';
import { EngineError } from '../engine/errors.ts';
import { presetOf } from '../engine/model/presets.ts';
import { checkConfig, type TrainConfig } from '../engine/train/config.ts';
import { overridesOf, type TextChoice } from './options.ts';

/** Options that may differ from the saved run's: none changes what a step computes but for the schedule's end and last bits. */
const FREE: ReadonlySet<keyof TrainConfig> = new Set<keyof TrainConfig>([
  'steps',
  'evalEvery',
  'evalBatches',
  'sampleLength',
  'microBatch',
  'recompute',
  'half',
]);
/** What a preset given with `--resume` must have in common with the run. */
const SHAPE: readonly (keyof TrainConfig)[] = ['layers', 'heads', 'width', 'context', 'batch'];

/**
 * The saved run's configuration with the options that may change.
 * @throws EngineError WRONG_RUN naming an option that contradicts the file, with both values
 */
export function resumedConfig(
  { description, progress, file }: RunFile,
  given: ReadonlyMap<string, string>,
): TrainConfig {
  const saved = description.config;
  const preset = given.get('preset');
  const overrides = overridesOf(given);
  const asked: Partial<TrainConfig> =
    preset === undefined ? overrides : { ...pick(presetOf(preset).config, SHAPE), ...overrides };
  const recut = cutOf(asked, saved);
  const free: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(asked) as [keyof TrainConfig, unknown][]) {
    if (FREE.has(field)) free[field] = value;
    else if (value !== { ...saved, ...recut }[field])
      throw contradiction(file.source.name, field, value, saved[field]);
  }
  const config: TrainConfig = { ...saved, ...recut, ...free };
  if (config.steps < progress.attempted) {
    throw new EngineError(
      'WRONG_RUN',
      `--steps is ${config.steps}, and the run in "${file.source.name}" has taken ${progress.attempted}.`,
      `--steps is the total: give more than ${progress.attempted}, or leave it out for ${saved.steps}.`,
    );
  }
  checkConfig(config);
  return config;
}

/**
 * Files that name no micro-batch have a run whose batches were cut for want of memory as one of smaller batches. Asked for as
 * it began, it is cut the same way: its steps have the same tokens in the same micro-batches.
 */
function cutOf({ batch, accumulation }: Partial<TrainConfig>, saved: TrainConfig): Partial<TrainConfig> {
  if (batch === undefined || accumulation === undefined || saved.microBatch !== null) return {};
  const sameTokens = batch * accumulation === saved.batch * saved.accumulation;
  const isCut = batch > saved.batch && batch % saved.batch === 0;
  return sameTokens && isCut ? { batch, accumulation, microBatch: saved.batch } : {};
}

function pick(config: TrainConfig, fields: readonly (keyof TrainConfig)[]): Partial<TrainConfig> {
  return Object.fromEntries(fields.map((field) => [field, config[field]]));
}

function contradiction(name: string, field: string, asked: unknown, saved: unknown): EngineError {
  return new EngineError(
    'WRONG_RUN',
    `The run in "${name}" has ${field} ${JSON.stringify(saved)}; ${JSON.stringify(asked)} was asked for.`,
    'A run goes on as it began: leave the option out, or start a new run.',
  );
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
