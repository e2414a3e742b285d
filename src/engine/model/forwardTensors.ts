/** Plans the weights of a model that only predicts: neither gradients nor optimizer states. */
import { gptConfig, type TrainConfig } from '../config/trainConfig.ts';
import { storagesOf } from '../precision/recipe.ts';
import { healedRecipe, recipeFor } from '../precision/recipes.ts';
import { tensorScale } from '../precision/storage.ts';
import { planAngles } from './angles.ts';
import { layoutParameters } from './chunks.ts';
import { ownWeights } from './computeWeights.ts';
import { Decoder } from './decoder.ts';
import { planLevels } from './levels.ts';
import type { Weights } from './readingRun.ts';
import { ScaleTable } from './scales.ts';
import { type PlannedTensor, TensorPlan } from './tensorPlan.ts';
import { type PlanLimits, planChunks, type RunTensors } from './tensors.ts';

export interface ForwardTensors
  extends Weights,
    Pick<RunTensors, 'chunks' | 'computeWeights' | 'weightPartials' | 'levels'> {
  readonly planned: readonly PlannedTensor[];
}

/**
 * @param outliers as in ModelRun
 * @throws EngineError LIMIT_EXCEEDED if a parameter exceeds the largest binding
 */
export function forwardTensors(
  config: TrainConfig,
  vocabulary: number,
  { maxBindingBytes }: PlanLimits,
  outliers?: number,
): ForwardTensors {
  const gpt = gptConfig(config, vocabulary);
  // A finished model has the storages of the last steps of its run. Levels that blocks have chosen are no part of it.
  const { precisionSchedule } = config;
  const recipe =
    healedRecipe(config) ??
    recipeFor({ ...config, precisionSchedule: precisionSchedule === 'noise' ? 'none' : precisionSchedule });
  const decoder = new Decoder(gpt);
  const plan = new TensorPlan();
  const specs = decoder.parameters().map((spec) => ({ ...spec, trainable: false }));
  const layout = layoutParameters(specs, recipe, () => neverUpdated(), maxBindingBytes);
  planChunks(plan, layout);
  const scales = storagesOf(recipe, 'weight').some(tensorScale) ? new ScaleTable(null) : undefined;
  const weights = ownWeights(plan, recipe, gpt, layout, scales, false);
  const angles = planAngles(plan, gpt);
  const levels = planLevels(plan, recipe, gpt.layers, weights.computeWeights);
  scales?.complete(plan);
  plan.complete();
  const { chunks, vocabularyRows } = layout;
  return {
    gpt,
    recipe,
    decoder,
    maxBindingBytes,
    chunks,
    vocabularyRows,
    scales,
    angles,
    outliers,
    levels,
    ...weights,
    planned: plan.planned,
  };
}

function neverUpdated(): never {
  throw new RangeError('A model that only predicts has no update rules');
}
