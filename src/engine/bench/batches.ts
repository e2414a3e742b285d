import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { mebibytes } from '../core/mebibytes.ts';
import { largestBatch } from '../model/largestBatch.ts';
import { memoryEstimate } from '../model/memoryPlan.ts';
import type { PlanLimits } from '../model/tensors.ts';

/**
 * Returns batch 1 and the largest batch that fits `budgetBytes`, or one batch if they are equal.
 * @throws EngineError BAD_VALUE with both sizes when not even batch 1 fits
 * @throws EngineError LIMIT_EXCEEDED when a single tensor of batch 1 exceeds the adapter's limit
 */
export function budgetedBatches(
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
  budgetBytes: number,
): readonly number[] {
  const { batch, limitedBy } = largestBatch(config, vocabulary, limits, budgetBytes);
  if (batch > 0) return batch === 1 ? [1] : [1, batch];
  const { bytes, largest } = memoryEstimate({ ...config, batch: 1 }, vocabulary, limits);
  throw limitedBy === 'budget'
    ? new EngineError(
        'BAD_VALUE',
        `No batch fits the budget of ${mebibytes(budgetBytes)}: batch 1 needs ${mebibytes(bytes.total)}.`,
        'Give a larger --budget, or a smaller shape.',
      )
    : new EngineError(
        'LIMIT_EXCEEDED',
        `No batch fits: with batch 1, ${largest.name} exceeds the largest binding of this adapter, ${mebibytes(limits.maxBindingBytes)}.`,
        'Use a smaller shape.',
      );
}
