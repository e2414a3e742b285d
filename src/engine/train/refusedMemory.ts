/** What is possible instead where the GPU refuses the memory of a run. */

import { microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { mebibytes } from '../core/mebibytes.ts';
import { Arena } from '../gpu/arena.ts';
import { deeperLevels } from '../model/largestBatch.ts';
import { type MemoryPlan, memoryPlan } from '../model/memoryPlan.ts';
import type { PlanLimits } from '../model/tensors.ts';

/** OUT_OF_MEMORY, with the largest micro-batch that the GPU takes of those into which the batch can be divided. */
export class RefusedMemoryError extends EngineError {
  /** 0 where not even one window fits. */
  readonly microBatch: number;

  constructor(message: string, hint: string, microBatch: number, cause: unknown) {
    super('OUT_OF_MEMORY', message, hint, { cause });
    this.name = 'RefusedMemoryError';
    this.microBatch = microBatch;
  }
}

/** As many tensors as the plan has, or OUT_OF_MEMORY after freeing what was allocated (one sync). */
export function allocatePlan(device: GPUDevice, { tensors }: MemoryPlan): Promise<Arena> {
  return Arena.allocate(
    device,
    tensors.planned.map(({ tensor }) => tensor),
  );
}

/**
 * The refusal with what the GPU takes in its place, found by allocating it (a sync for each that is tried), and what the next
 * level of recomputing would need. Any other error as it is.
 */
export async function suggestSmallerBatch(
  error: unknown,
  device: GPUDevice,
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
): Promise<unknown> {
  if (!(error instanceof EngineError && error.code === 'OUT_OF_MEMORY')) return error;
  const fits = await largestAccepted(device, config, vocabulary, limits);
  const smaller = fits
    ? `It takes ${fits.microBatch} windows at a time (${mebibytes(fits.bytes)}): with micro-batch ${fits.microBatch}, steps and evaluations stay what they are.`
    : error.hint;
  const [recompute] = deeperLevels(config.recompute);
  const deeper = recompute
    ? ` With recompute ${recompute} the same run takes ${mebibytes(memoryPlan({ ...config, recompute }, vocabulary, limits).bytes.total)}.`
    : '';
  return new RefusedMemoryError(error.message, `${smaller}${deeper}`, fits?.microBatch ?? 0, error);
}

async function largestAccepted(
  device: GPUDevice,
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
): Promise<{ microBatch: number; bytes: number } | null> {
  await device.queue.onSubmittedWorkDone(); // what was refused is free again
  for (let microBatch = microBatchOf(config) - 1; microBatch > 0; microBatch--) {
    if (config.batch % microBatch !== 0) continue;
    const plan = memoryPlan({ ...config, microBatch }, vocabulary, limits);
    const arena = await allocatePlan(device, plan).catch(() => null);
    if (!arena) continue;
    arena.destroy();
    return { microBatch, bytes: plan.bytes.total };
  }
  return null;
}

/** The same steps in micro-batches that the GPU takes; null where the error is another, or none of them fits. */
export function smallerMicroBatches(config: TrainConfig, error: unknown): TrainConfig | null {
  if (!(error instanceof RefusedMemoryError) || error.microBatch === 0) return null;
  return { ...config, microBatch: error.microBatch };
}
