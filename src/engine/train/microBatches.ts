/** Splits batches into micro-batches. */

import { microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import type { Batch } from '../data/batches.ts';

/**
 * Returns a function of micro-batch `index` (from 0), which takes the windows of the batches in order.
 * @param batches returns batches of `batch` windows each
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
