/** What follows from a configuration, and whether it can train. */
import { type Recipe, recipeFor, type ScalingPolicy } from '../precision/recipes.ts';
import { checkShape, type GptConfig, modelKinds } from './gptConfig.ts';
import { checkTogether } from './settings/rules.ts';
import type { TrainConfig } from './settings/table.ts';
import { checkValues } from './settings/values.ts';

export { rangeOf, type TrainConfig } from './settings/table.ts';
export { RECOMPUTE_LEVELS, type RecomputeLevel } from './settings/trainingRows.ts';

/** @param vocabulary of the tokenizer */
export function gptConfig(config: TrainConfig, vocabulary: number): GptConfig {
  const { layers, heads, width, context, tied } = config;
  const padded = Math.max(vocabulary, config.vocabulary ?? 0);
  const muP = config.mupBase === null ? {} : { mupBase: config.mupBase };
  return { layers, heads, width, context, tied, ...modelKinds(config), ...muP, vocabulary: padded };
}

/** Tokens of one step: B * T * accumulation. */
export function tokensPerStep(config: Pick<TrainConfig, 'batch' | 'context' | 'accumulation'>): number {
  return config.batch * config.context * config.accumulation;
}

/** Windows that are computed at once. */
export function microBatchOf({ batch, microBatch }: Pick<TrainConfig, 'batch' | 'microBatch'>): number {
  return microBatch ?? batch;
}

/** Micro-batches in a step. */
export function microBatchesPerStep(
  config: Pick<TrainConfig, 'batch' | 'microBatch' | 'accumulation'>,
): number {
  return (config.batch / microBatchOf(config)) * config.accumulation;
}

/** The recipe's scaling policy with the run's own scale and interval filled in. */
export function scalingOf(config: TrainConfig, recipe: Recipe = recipeFor(config)): ScalingPolicy {
  const { scaling } = recipe;
  if (scaling.kind === 'none') return scaling;
  if (scaling.kind === 'static') return { kind: 'static', scale: config.lossScale ?? scaling.scale };
  return {
    kind: 'dynamic',
    initialScale: config.lossScale ?? scaling.initialScale,
    growthInterval: config.growthInterval ?? scaling.growthInterval,
    ...(scaling.compound && { compound: true }),
  };
}

/**
 * Refuses values that cannot train, before anything is allocated.
 * @throws EngineError BAD_VALUE or BAD_SHAPE naming the option, its value and the range
 */
export function checkConfig(config: TrainConfig, vocabulary = 1): void {
  checkValues(config);
  checkShape(gptConfig(config, vocabulary));
  checkTogether(config);
}
