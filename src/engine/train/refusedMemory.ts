/** Suggests what to change when the GPU cannot allocate the memory of a run. */

import { microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { mebibytes } from '../core/mebibytes.ts';
import { Arena } from '../gpu/arena.ts';
import { deeperLevels } from '../model/largestBatch.ts';
import { type MemoryPlan, memoryPlan } from '../model/memoryPlan.ts';
import type { PlanLimits } from '../model/tensors.ts';

/** OUT_OF_MEMORY, with the largest divisor of the batch that the GPU can allocate as a micro-batch. */
export class RefusedMemoryError extends EngineError {
  /** 0 when not even one window fits. */
  readonly microBatch: number;

  constructor(message: string, hint: string, microBatch: number, cause: unknown) {
    super('OUT_OF_MEMORY', message, hint, { cause });
    this.name = 'RefusedMemoryError';
    this.microBatch = microBatch;
  }
}

/** Allocates all tensors of the plan. @throws OUT_OF_MEMORY after freeing what was allocated (one CPU-GPU sync) */
export function allocatePlan(device: GPUDevice, { tensors }: MemoryPlan): Promise<Arena> {
  return Arena.allocate(
    device,
    tensors.planned.map(({ tensor }) => tensor),
  );
}

/**
 * Adds two suggestions to an OUT_OF_MEMORY error: the largest micro-batch that the GPU can allocate, found by allocating
 * it (one CPU-GPU sync for each attempt), and the memory at the next level of recomputation. Returns other errors as
 * they are.
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
    ? `Use micro-batch ${fits.microBatch}, for which the GPU has the memory (${mebibytes(fits.bytes)}); steps and evaluations see the same tokens.`
    : error.hint;
  const [recompute] = deeperLevels(config.recompute);
  const deeper = recompute
    ? ` With recompute ${recompute} the same run needs ${mebibytes(memoryPlan({ ...config, recompute }, vocabulary, limits).bytes.total)}.`
    : '';
  return new RefusedMemoryError(error.message, `${smaller}${deeper}`, fits?.microBatch ?? 0, error);
}

async function largestAccepted(
  device: GPUDevice,
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
): Promise<{ microBatch: number; bytes: number } | null> {
  await device.queue.onSubmittedWorkDone(); // the memory of the failed attempt is free after this
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

/** The configuration with the suggested micro-batch; null for other errors and when none fits. */
export function smallerMicroBatches(config: TrainConfig, error: unknown): TrainConfig | null {
  if (!(error instanceof RefusedMemoryError) || error.microBatch === 0) return null;
  return { ...config, microBatch: error.microBatch };
}
