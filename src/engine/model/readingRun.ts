/** What passes that only read weights are built from, with a plan of their own. */
import type { Tensor } from '../gpu/tensor.ts';
import { withRowScales } from '../precision/rowScales.ts';
import type { ModelRun } from './modelRun.ts';
import { TensorPlan } from './tensorPlan.ts';
import type { RunTensors } from './tensors.ts';

/** Weights of a model on a device, and how they are laid out. */
export type Weights = Pick<
  RunTensors,
  'gpt' | 'recipe' | 'scales' | 'angles' | 'parameters' | 'vocabularyRows' | 'maxBindingBytes' | 'decoder'
> &
  Pick<ModelRun, 'outliers'>;

export interface ReadingRun extends ModelRun {
  readonly found: Tensor;
}

/** Stands for tensors that only training binds. An arena refuses it. */
const OF_TRAINING: Tensor = { name: 'a tensor of training', type: 'u32', elements: 0 };

/**
 * @param windows whole windows of a pass, or 0 where passes compute parts of one
 * @param tokens of a pass at most
 */
export function readingRun(
  { gpt, recipe, parameters, angles, vocabularyRows, maxBindingBytes, outliers }: Weights,
  windows: number,
  tokens: number,
): ReadingRun {
  const plan = new TensorPlan();
  return {
    ...{ gpt, parameters, angles, vocabularyRows, maxBindingBytes, windows, rows: tokens, outliers },
    recipe: withRowScales(recipe),
    // Blocks share their activations, since no backward pass reads them.
    recompute: 'block',
    tensorPlan: plan,
    // Weights name their scales themselves, and rows have theirs beside them.
    scales: undefined,
    // Only weights are at their levels here.
    levels: null,
    lossTokens: tokens,
    zLoss: 0,
    dropout: 0,
    // Rows have scales of their own.
    smoothSwiglu: 'off',
    windowTable: null,
    tokens: plan.add('batch', 'tokens', 'u32', tokens),
    targets: windows > 0 ? plan.add('batch', 'targets', 'u32', tokens) : OF_TRAINING,
    tokenStarts: OF_TRAINING,
    tokenPositions: OF_TRAINING,
    state: OF_TRAINING,
    lossSums: OF_TRAINING,
    fixedSums: false,
    logZ: null,
    found: plan.add('state', 'found inf', 'u32', 4),
  };
}
