/** Batches as they are computed: a part at a time where they are cut. */

import { microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import type { Batch } from '../data/batches.ts';

/**
 * Micro-batch `index` (from 0): the batches' windows in their own order, `microBatch` at a time.
 * @param batches `batch` windows each
 */
export function microBatchesOf(
  batches: (index: number) => Batch,
  config: Pick<TrainConfig, 'batch' | 'microBatch' | 'context'>,
): (index: number) => Batch {
  const windows = microBatchOf(config);
  const parts = config.batch / windows;
  if (parts === 1) return batches;
  const rows = windows * config.context;
  let newest: { readonly index: number; readonly batch: Batch } | undefined;
  return (index) => {
    const whole = Math.floor(index / parts);
    if (newest?.index !== whole) newest = { index: whole, batch: batches(whole) };
    const { tokens, targets } = newest.batch;
    const first = (index % parts) * rows;
    return {
      tokens: tokens.subarray(first, first + rows),
      targets: targets.subarray(first, first + rows),
    };
  };
}
