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
  /** In sequences; 0 if not even one fits. */
  readonly batch: number;
  /** Bytes that a run with this batch allocates; 0 for batch 0. */
  readonly bytes: number;
  /** The limit that a larger batch would exceed: the budget, the adapter's largest binding, or the allowed range. */
  readonly limitedBy: 'budget' | 'binding' | 'range';
}

/**
 * Finds the largest batch from 1 to `most`, without micro-batches, whose tensors each fit one binding and whose run allocates
 * at most `budgetBytes`. Sizes grow almost linearly with the batch and never shrink, so the search interpolates linearly
 * between two plans, and bisects whenever that did not halve the interval.
 * @throws EngineError LIMIT_EXCEEDED when a single parameter exceeds the adapter's limit, whatever the batch
 */
export function largestBatch(
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
  budgetBytes = Number.POSITIVE_INFINITY,
  most: number = rangeOf('batch').high,
): LargestBatch {
  const planOf = (batch: number): PlanSize => {
    const size = sizeOf({ ...config, batch, microBatch: null }, vocabulary, limits);
    const binding = size.largest / limits.maxBindingBytes;
    return { batch, bytes: size.total, shares: { binding, budget: size.total / budgetBytes } };
  };
  const fitsIn = ({ shares }: PlanSize) => shares.binding <= 1 && shares.budget <= 1;
  let fits: PlanSize = { batch: 0, bytes: 0, shares: { binding: 0, budget: 0 } };
  let fails: PlanSize | null = null;
  let isHalved = false;
  for (;;) {
    const end: number = fails?.batch ?? most + 1;
    if (end - fits.batch <= 1) break;
    const middle = (fits.batch + end) >> 1;
    const guess = fails && !isHalved ? meeting(fits, fails) : Math.min(middle, Math.max(1, 4 * fits.batch));
    const tried = planOf(Math.min(end - 1, Math.max(fits.batch + 1, guess)));
    const before = end - fits.batch;
    if (fitsIn(tried)) fits = tried;
    else fails = tried;
    isHalved = fails !== null && fails.batch - fits.batch > before / 2;
  }
  const limitedBy = fails === null ? 'range' : fails.shares.binding > 1 ? 'binding' : 'budget';
  return { batch: fits.batch, bytes: fits.bytes, limitedBy };
}

interface PlanSize {
  readonly batch: number;
  readonly bytes: number;
  /** Used share of each limit; above 1 the plan does not fit. */
  readonly shares: Readonly<Record<'binding' | 'budget', number>>;
}

/** Interpolates the largest batch within the limits between a plan that fits and one that does not. */
function meeting(fits: PlanSize, fails: PlanSize): number {
  const at = (['binding', 'budget'] as const)
    .filter((limit) => fails.shares[limit] > 1)
    .map((limit) => (1 - fits.shares[limit]) / (fails.shares[limit] - fits.shares[limit]));
  return Math.floor(fits.batch + Math.min(...at) * (fails.batch - fits.batch));
}

/**
 * Finds the largest micro-batch that divides the configuration's batch, is smaller than its current micro-batch, and whose
 * tensors each fit one binding. Returns 0 if not even one window fits.
 * @throws EngineError LIMIT_EXCEEDED when a single parameter exceeds the adapter's limit
 */
export function fittingMicroBatch(config: TrainConfig, vocabulary: number, limits: PlanLimits): number {
  const most = microBatchOf(config) - 1;
  let { batch: windows } = largestBatch(config, vocabulary, limits, Number.POSITIVE_INFINITY, most);
  while (windows > 0 && config.batch % windows !== 0) windows -= 1;
  return windows;
}

/** Recompute levels that keep less than `level`, from the least to the most extra work. */
export function deeperLevels(level: RecomputeLevel): readonly RecomputeLevel[] {
  return RECOMPUTE_LEVELS.slice(RECOMPUTE_LEVELS.indexOf(level) + 1);
}

export interface DeeperLevel extends LargestBatch {
  readonly recompute: RecomputeLevel;
}

/**
 * Finds the first recompute level beyond the configuration's own that allows a batch larger than `batch` within the budget.
 * Returns null if none does.
 * @throws EngineError LIMIT_EXCEEDED when a single parameter exceeds the adapter's limit
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

/** Bytes of the largest tensor, and of the whole run. */
function sizeOf(
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
): { readonly largest: number; readonly total: number } {
  const run = runTensors(config, vocabulary, limits);
  let largest = 0;
  let total = limits.saved ? stagingBytes(run) : 0;
  for (const { tensor } of run.planned) {
    const bytes = byteLength(tensor);
    largest = Math.max(largest, bytes);
    total += bytes;
  }
  return { largest, total };
}
