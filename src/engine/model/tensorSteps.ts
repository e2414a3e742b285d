/**
 * Steps that skip single tensors: each parameter has a step state of its own, which says whether its update is applied and how
 * many were. Optimizers read it instead of the run's.
 */
import type { TrainConfig } from '../config/trainConfig.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import { slice, type Tensor, type TensorSlice } from '../gpu/tensor.ts';
import { gradientNorm } from '../kernels/optimizer.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import { TENSOR_STATE_WORDS, tensorPartials, tensorSquares, tensorStates } from '../kernels/tensorSteps.ts';
import type { Chunk } from './chunks.ts';
import type { TensorPlan } from './tensorPlan.ts';
import type { PlannedUpdate } from './updates.ts';

export interface TensorSteps {
  /** A step state for each update, at a multiple of 256 bytes. */
  readonly states: Tensor;
  /** (updates) f32: the sum of squares of the unscaled gradient; -1 where it is not finite. */
  readonly squares: Tensor;
  /** Names of the parameters, in the order of the updates. */
  readonly names: readonly string[];
}

/** Plans the step states of all updates, each of which covers one parameter; null in runs that skip whole steps. */
export function planTensorSteps(
  plan: TensorPlan,
  { skip }: Pick<TrainConfig, 'skip'>,
  updates: readonly PlannedUpdate[],
): TensorSteps | null {
  if (skip !== 'tensor') return null;
  return {
    states: plan.add('optimizer', 'tensor step states', 'u32', updates.length * TENSOR_STATE_WORDS),
    squares: plan.add('state', 'tensor gradient squares', 'f32', updates.length),
    names: updates.map(({ label }) => label),
  };
}

/** Number of partial sums that the gradients of all updates leave. */
export function tensorPartialCount(updates: readonly PlannedUpdate[]): number {
  return updates.reduce(
    (sum, { parts }) => sum + parts.reduce((count, { elements }) => count + tensorPartials(elements), 0),
    0,
  );
}

/** Stores the sum of squares of each parameter's gradient, or that it is not finite. */
export function tensorNorms(
  target: Target,
  { squares }: TensorSteps,
  updates: readonly PlannedUpdate[],
  chunks: readonly Chunk[],
  { state, partials, found }: { readonly state: Tensor; readonly partials: Tensor; readonly found: Tensor },
): Operation[] {
  let next = 0;
  return updates.flatMap(({ label, parts }, tensor) => {
    const begin = next;
    const norms = parts.map(({ chunk, first, elements }) => {
      const gradient = slice(chunks[chunk]!.gradient!, first, elements);
      const groups = tensorPartials(elements);
      const norm = gradientNorm(target, { gradient, state, partials, found, elements, first: next, groups });
      next += groups;
      return norm;
    });
    return [...norms, tensorSquares({ partials, squares, first: begin, count: next - begin, tensor, label })];
  });
}

/** Gives each parameter the step state of this step, after the step is decided. */
export function decideTensors(
  { states, squares, names }: TensorSteps,
  args: { readonly state: Tensor; readonly schedule: Tensor; readonly scheduleLength: number },
): Operation {
  return tensorStates({ ...args, states, squares, tensors: names.length });
}

/** The step state of an update. */
export function stateOfTensor({ states }: TensorSteps, update: number): TensorSlice {
  return slice(states, update * TENSOR_STATE_WORDS, STEP_STATE_WORDS);
}
