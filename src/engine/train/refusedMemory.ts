/** What is possible instead where the GPU refuses the memory of a run. */
import { Arena } from '../arena.ts';
import { EngineError } from '../errors.ts';
import { deeperLevels } from '../largestBatch.ts';
import { type MemoryPlan, mebibytes, memoryPlan } from '../memoryPlan.ts';
import type { PlanLimits } from '../model/tensors.ts';
import type { TrainConfig } from './config.ts';

/** OUT_OF_MEMORY, with the largest batch that the GPU takes of those into which the refused one can be divided. */
export class RefusedMemoryError extends EngineError {
  /** 0 where not even one sequence fits. */
  readonly batch: number;

  constructor(message: string, hint: string, batch: number, cause: unknown) {
    super('OUT_OF_MEMORY', message, hint, { cause });
    this.name = 'RefusedMemoryError';
    this.batch = batch;
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
export async function withWayOut(
  error: unknown,
  device: GPUDevice,
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
): Promise<unknown> {
  if (!(error instanceof EngineError && error.code === 'OUT_OF_MEMORY')) return error;
  const fits = await largestAccepted(device, config, vocabulary, limits);
  const smaller = fits
    ? `It takes a batch of ${fits.batch} (${mebibytes(fits.bytes)}): ${config.batch / fits.batch} micro-batches of it (accumulation) for each one keep the tokens of a step.`
    : error.hint;
  const [recompute] = deeperLevels(config.recompute);
  const deeper = recompute
    ? ` With recompute ${recompute} the same run takes ${mebibytes(memoryPlan({ ...config, recompute }, vocabulary, limits).bytes.total)}.`
    : '';
  return new RefusedMemoryError(error.message, `${smaller}${deeper}`, fits?.batch ?? 0, error);
}

async function largestAccepted(
  device: GPUDevice,
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits,
): Promise<{ batch: number; bytes: number } | null> {
  await device.queue.onSubmittedWorkDone(); // what was refused is free again
  for (let batch = config.batch - 1; batch > 0; batch--) {
    if (config.batch % batch !== 0) continue;
    const plan = memoryPlan({ ...config, batch }, vocabulary, limits);
    const arena = await allocatePlan(device, plan).catch(() => null);
    if (!arena) continue;
    arena.destroy();
    return { batch, bytes: plan.bytes.total };
  }
  return null;
}

/** The same steps in micro-batches that the GPU takes; null where the error is another, or none of them fits. */
export function smallerMicroBatches(config: TrainConfig, error: unknown): TrainConfig | null {
  if (!(error instanceof RefusedMemoryError) || error.batch === 0) return null;
  const { batch } = error;
  return { ...config, batch, accumulation: (config.accumulation * config.batch) / batch };
}
