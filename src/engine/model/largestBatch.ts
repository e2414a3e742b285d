import {
  microBatchOf,
  RECOMPUTE_LEVELS,
  type RecomputeLevel,
  rangeOf,
  type TrainConfig,
} from '../config/trainConfig.ts';
import { byteLength } from '../gpu/tensor.ts';
import { stagingBytes } from './runState.ts';
import { type PlanLimits, runTensors } from './tensors.ts';

export interface LargestBatch {
  /** 0 where not even one sequence fits. */
  readonly batch: number;
  /** What a run with this batch allocates; 0 for batch 0. */
  readonly bytes: number;
  /** Why one more is too much: the budget, the adapter's largest binding, or the largest batch asked for. */
  readonly limitedBy: 'budget' | 'binding' | 'range';
}

/**
 * The largest batch from 1 to `most`, computed at once, whose every tensor fits a binding and whose run takes at most `budgetBytes`.
 * Nothing but activations grows with the batch, and nothing shrinks: a binary search over the plan.
 * @throws EngineError LIMIT_EXCEEDED when a parameter alone passes the adapter's limit, whatever the batch
 */
export function largestBatch(
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
  budgetBytes = Number.POSITIVE_INFINITY,
  most: number = rangeOf('batch').high,
): LargestBatch {
  const excess = (batch: number): 'budget' | 'binding' | null => {
    const { tensors, total } = sizesOf({ ...config, batch, microBatch: null }, vocabulary, limits);
    if (tensors.some((bytes) => bytes > limits.maxBindingBytes)) return 'binding';
    return total > budgetBytes ? 'budget' : null;
  };
  let fits = 0;
  let fails = most + 1;
  let limitedBy: LargestBatch['limitedBy'] = 'range';
  while (fails - fits > 1) {
    const batch = (fits + fails) >> 1;
    const why = excess(batch);
    if (why) {
      fails = batch;
      limitedBy = why;
    } else {
      fits = batch;
    }
  }
  const bytes =
    fits > 0 ? sizesOf({ ...config, batch: fits, microBatch: null }, vocabulary, limits).total : 0;
  return { batch: fits, bytes, limitedBy };
}

/**
 * The largest micro-batch into which the configuration's batch can be cut, smaller than the one it has, whose every tensor
 * fits a binding; 0 where not even one window fits.
 * @throws EngineError LIMIT_EXCEEDED when a parameter alone passes the adapter's limit
 */
export function fittingMicroBatch(config: TrainConfig, vocabulary: number, limits: PlanLimits): number {
  const most = microBatchOf(config) - 1;
  let { batch: windows } = largestBatch(config, vocabulary, limits, Number.POSITIVE_INFINITY, most);
  while (windows > 0 && config.batch % windows !== 0) windows -= 1;
  return windows;
}

/** Levels that keep less than `level`, from the least work to the most. */
export function deeperLevels(level: RecomputeLevel): readonly RecomputeLevel[] {
  return RECOMPUTE_LEVELS.slice(RECOMPUTE_LEVELS.indexOf(level) + 1);
}

export interface DeeperLevel extends LargestBatch {
  readonly recompute: RecomputeLevel;
}

/**
 * The first level beyond the configuration's own that allows a batch above `batch` within the budget; null where none
 * does.
 * @throws EngineError LIMIT_EXCEEDED when a parameter alone passes the adapter's limit
 */
export function deeperLevelFor(
  batch: number,
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
  budgetBytes: number,
): DeeperLevel | null {
  for (const recompute of deeperLevels(config.recompute)) {
    const found = largestBatch({ ...config, recompute }, vocabulary, limits, budgetBytes);
    if (found.batch > batch) return { recompute, ...found };
  }
  return null;
}

/** Bytes of each tensor, and of the run. */
function sizesOf(
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
): { tensors: readonly number[]; total: number } {
  const run = runTensors(config, vocabulary, limits);
  const tensors = run.planned.map(({ tensor }) => byteLength(tensor));
  const staging = limits.saved ? stagingBytes(run) : 0;
  return { tensors, total: tensors.reduce((sum, bytes) => sum + bytes, staging) };
}
