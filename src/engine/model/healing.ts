/** The last steps of a run that heals: what of its tensors differs from those of the steps before. */
import type { Tensor } from '../gpu/tensor.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { ParameterLayout } from './chunks.ts';
import { copiesApart, type ReadWeights } from './computeWeights.ts';
import type { Decoder } from './decoder.ts';
import type { ModelRun } from './modelRun.ts';
import { Pass } from './pass.ts';

/**
 * Plans the training pass of these steps and the copies of weights that its matmuls read, beside those of the run. Tensors of one
 * format are shared.
 * @param recipe of these steps, which has no scales
 */
export function healedParts(
  run: ModelRun,
  recipe: Recipe,
  { parameters }: ParameterLayout,
  decoder: Decoder,
  found: Tensor,
): ModelRun & ReadWeights & { readonly training: Pass } {
  const tensorPlan = run.tensorPlan.beside('healed');
  // The optimizer updates all weights as before, so that these copies are made after it as those with scales are.
  const weights = copiesApart(tensorPlan, recipe, run.gpt, parameters, undefined, true);
  const healed: ModelRun = { ...run, recipe, scales: undefined, tensorPlan, parameters: weights.parameters };
  const training = new Pass(healed, { trains: true, windows: run.windows, found });
  decoder.train(training);
  return { ...healed, ...weights, training };
}
