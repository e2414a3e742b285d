/** The levels of runs whose operands are rounded to them, and when a run or a block goes to another stage. */
import type { TrainConfig } from '../config/trainConfig.ts';
import type { Operation } from '../gpu/operation.ts';
import { type LevelPlace, slice, type Tensor } from '../gpu/tensor.ts';
import {
  blockTableWords,
  columnGroups,
  levelTableWords,
  noiseDecide,
  noiseElements,
  type RunLevels,
  type StageTimes,
  stageDecide,
} from '../kernels/levels.ts';
import { LEAST_SCHEDULED_STEPS, type LevelRole, NOISE_THRESHOLD } from '../precision/levels.ts';
import type { Recipe } from '../precision/recipes.ts';
import type { ComputeWeight } from './chunks.ts';
import type { TensorPlan } from './tensorPlan.ts';

/** Which levels of a run an operand of a site has. */
export function levelPlace(
  { stagesOfBlocks }: Pick<Recipe, 'stagesOfBlocks'>,
  role: LevelRole,
  { block }: { readonly block: number | null },
): LevelPlace {
  return { role, block: stagesOfBlocks ? block! : 0 };
}

/** Plans the table, which holds the stages and is saved with the run; null in modes without levels. */
export function planLevels(
  plan: TensorPlan,
  { stages, stagesOfBlocks }: Recipe,
  blocks: number,
  computeWeights: readonly Pick<ComputeWeight, 'columns'>[],
): RunLevels | null {
  if (stages.length === 0) return null;
  const words = stagesOfBlocks ? blockTableWords(stages, blocks) : levelTableWords(stages);
  const table = plan.add('optimizer', 'precision stage', 'u32', words);
  if (!stagesOfBlocks) return { table };
  const weightGroups = Math.max(...computeWeights.map(({ columns }) => columnGroups(columns)));
  const { activation, weight } = noiseElements({ blocks, weightGroups });
  const noise = plan.add('state', 'noise of operands', 'f32', activation + weight);
  return { table, ofBlocks: { blocks, weightGroups, noise } };
}

/** Clears the measured noise of a role. Empty where none is measured. */
export function forgetNoise(levels: RunLevels | null, role: 'activation' | 'weight'): Operation[] {
  if (!levels?.ofBlocks) return [];
  const { noise } = levels.ofBlocks;
  const { activation, weight } = noiseElements(levels.ofBlocks);
  const target = role === 'activation' ? slice(noise, 0, activation) : slice(noise, activation, weight);
  return [{ kind: 'clear', target }];
}

/**
 * When the stages of a run of so many steps are decided: after each fortieth of it, and after each quarter whatever the loss
 * does, so that the last stage is reached after three quarters.
 */
export function stageTimes({ steps }: Pick<TrainConfig, 'steps'>): StageTimes {
  const after = (share: number) => Math.ceil(share * steps);
  return {
    window: Math.floor(steps / LEAST_SCHEDULED_STEPS),
    forced: [after(0.25), after(0.5), after(0.75)],
  };
}

/** The operation that chooses the stages of the next step; empty in runs of one stage. */
export function stageOperations(
  {
    levels,
    state,
    recipe,
  }: { readonly levels: RunLevels | null; readonly state: Tensor; readonly recipe: Recipe },
  config: Pick<TrainConfig, 'steps' | 'noiseThreshold'>,
): Operation[] {
  const stages = recipe.stages.length;
  if (!levels || stages === 1) return [];
  const { table, ofBlocks } = levels;
  const times = stageTimes(config);
  if (!ofBlocks) return [stageDecide({ state, levels: table, stages, times })];
  const threshold = config.noiseThreshold ?? NOISE_THRESHOLD;
  return [noiseDecide({ state, table, ofBlocks, stages, window: times.window, threshold })];
}
