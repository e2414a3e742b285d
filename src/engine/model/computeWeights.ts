/** The copies of weights that matmuls read, where they are made one by one after an update. */
import type { GptConfig } from '../config/gptConfig.ts';
import { slice, type Tensor, type TensorSlice } from '../gpu/tensor.ts';
import { columnScratch } from '../kernels/quantize.ts';
import { makesCopiesApart } from '../precision/recipe.ts';
import type { Recipe } from '../precision/recipes.ts';
import {
  blockRounding,
  blockScale,
  hasTwoCopies,
  isQuantized,
  type SumsAlong,
  tensorScale,
} from '../precision/storage.ts';
import { type ComputeWeight, type ParameterLayout, withComputeWeights } from './chunks.ts';
import { levelPlace } from './levels.ts';
import type { ParameterSpec } from './parameters.ts';
import { PARTIALS } from './pass.ts';
import type { ScaleTable } from './scales.ts';
import type { TensorPlan } from './tensorPlan.ts';

/** The weights that matmuls read. */
export interface ReadWeights {
  readonly parameters: ParameterLayout['parameters'];
  /** Weights whose copies are made one by one after an update, where the optimizer does not write them itself. */
  readonly computeWeights: readonly ComputeWeight[];
  /** Scratch for quantising compute weights; null if none needs it. */
  readonly weightPartials: Tensor | null;
}

/**
 * Gives the weights that matmuls read tensors of their own, where their copies are made one by one.
 * @param trains whether the backward pass has copies of its own where the recipe says so
 */
export function ownWeights(
  plan: TensorPlan,
  recipe: Recipe,
  gpt: GptConfig,
  { parameters }: ParameterLayout,
  scales: ScaleTable | undefined,
  trains = true,
): ReadWeights {
  if (!makesCopiesApart(recipe)) return { parameters, computeWeights: [], weightPartials: null };
  return copiesApart(plan, recipe, gpt, parameters, scales, trains);
}

/** As {@link ownWeights}, also where the optimizer could write the copies itself. @param parameters of which matmuls read the masters */
export function copiesApart(
  plan: TensorPlan,
  recipe: Recipe,
  { layers: blocks }: GptConfig,
  parameters: ParameterLayout['parameters'],
  scales: ScaleTable | undefined,
  trains: boolean,
): ReadWeights {
  const { format: master } = recipe.storage('master');
  const own = withComputeWeights(parameters, (name, spec: ParameterSpec, elements) => {
    const storage = recipe.storage('weight', { block: spec.block, blocks });
    const { format } = storage;
    if (format === master && !isQuantized(storage)) return null;
    const copy = (suffix: string, sums: SumsAlong): TensorSlice => {
      const blockScales = blockScale(storage, spec.columns, sums);
      const part = slice(
        plan.add('computeWeights', `${name}#${suffix}`, format, elements, blockScales),
        0,
        elements,
      );
      if (storage.levels) return { ...part, levels: levelPlace(recipe, storage.levels, spec) };
      return tensorScale(storage) ? { ...part, scale: scales!.scale(name, storage, 'weight', spec) } : part;
    };
    // A linear layer multiplies by its matrix, (inputs, outputs), and the head by the transpose of its own, (tokens, width).
    const forward = spec.rowsOf === 'tokens' ? 'rows' : 'columns';
    const weight = copy('compute', forward);
    const rounding = blockRounding(storage);
    if (!(trains && hasTwoCopies(storage))) return { weight, backwardWeight: weight, rounding };
    const backwardWeight = copy('compute for dX', forward === 'rows' ? 'columns' : 'rows');
    return { weight, backwardWeight, rounding };
  });
  const partials = Math.max(
    0,
    ...own.computeWeights.map(({ weight }) => columnScratch(weight, weight.elements)),
  );
  const weightPartials = partials > 0 ? plan.add('activationGradients', PARTIALS, 'f32', partials) : null;
  return { ...own, weightPartials };
}
