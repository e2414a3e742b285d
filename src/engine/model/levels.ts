/** The table of levels of runs whose operands are rounded to them, and when a run goes to its next stage. */
import type { TrainConfig } from '../config/trainConfig.ts';
import type { Operation } from '../gpu/operation.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { levelTableWords, type StageTimes, stageDecide } from '../kernels/levels.ts';
import { LEAST_SCHEDULED_STEPS } from '../precision/levels.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { TensorPlan } from './tensorPlan.ts';

/** Plans the table, which holds the stage and is saved with the run; null in modes without levels. */
export function planLevels(plan: TensorPlan, { stages }: Recipe): Tensor | null {
  return stages.length > 0 ? plan.add('optimizer', 'precision stage', 'u32', levelTableWords(stages)) : null;
}

/**
 * When the stages of a run of so many steps are decided: after each fortieth of it, and after each quarter whatever the loss
 * does, so that the last stage is reached after three quarters.
 */
export function stageTimes({ steps }: Pick<TrainConfig, 'steps'>): StageTimes {
  const after = (share: number) => Math.ceil(share * steps);
  return {
    window: Math.max(1, Math.floor(steps / LEAST_SCHEDULED_STEPS)),
    forced: [after(0.25), after(0.5), after(0.75)],
  };
}

/** The operation that chooses the stage of the next step; empty in runs of one stage. */
export function stageOperations(
  {
    levels,
    state,
    recipe,
  }: { readonly levels: Tensor | null; readonly state: Tensor; readonly recipe: Recipe },
  config: Pick<TrainConfig, 'steps'>,
): Operation[] {
  const stages = recipe.stages.length;
  return levels && stages > 1 ? [stageDecide({ state, levels, stages, times: stageTimes(config) })] : [];
}
