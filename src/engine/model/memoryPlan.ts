/** The memory that a run will allocate, computed from the list that the allocator follows. */

import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { mebibytes } from '../core/mebibytes.ts';
import { MEMORY_CATEGORIES, type MemoryBytes, type MemoryCategory } from '../core/memoryCategories.ts';
import { byteLength, type Tensor } from '../gpu/tensor.ts';
import { fittingMicroBatch } from './largestBatch.ts';
import { stagingBytes } from './runState.ts';
import { DEFAULT_LIMITS, type PlanLimits, type RunTensors, runTensors } from './tensors.ts';

export interface MemoryPlan {
  /** @internal */
  readonly tensors: RunTensors;
  readonly bytes: MemoryBytes;
  /** The tensor that needs the largest binding. */
  readonly largest: Tensor;
}

/** Limits of a plan on a device or adapter with these WebGPU limits, in bytes. */
export function planLimits(limits: {
  readonly maxStorageBufferBindingSize?: number;
  readonly maxBufferSize?: number;
}): PlanLimits {
  return { maxBindingBytes: Math.min(limits.maxStorageBufferBindingSize ?? 0, limits.maxBufferSize ?? 0) };
}

/**
 * Plans the memory of a run in bytes by category: a pure function of the configuration and the adapter's limits.
 * @throws EngineError LIMIT_EXCEEDED naming the tensor, both sizes and the largest micro-batch that fits
 */
export function memoryPlan(
  config: TrainConfig,
  vocabulary: number,
  limits: PlanLimits = DEFAULT_LIMITS,
): MemoryPlan {
  const plan = memoryEstimate(config, vocabulary, limits);
  const tooLarge = plan.tensors.planned.find(({ tensor }) => byteLength(tensor) > limits.maxBindingBytes);
  if (tooLarge) {
    const { name } = tooLarge.tensor;
    const fits = fittingMicroBatch(config, vocabulary, limits);
    throw new EngineError(
      'LIMIT_EXCEEDED',
      `${name} needs ${mebibytes(byteLength(tooLarge.tensor))} in one buffer; this adapter allows ${mebibytes(limits.maxBindingBytes)}.`,
      fits > 0
        ? `Use micro-batch ${fits}: the batch of ${config.batch} is then computed in ${config.batch / fits} parts, and steps and evaluations stay what they are.`
        : `Even a batch of 1 does not fit: ${tooLarge.category === 'logits' ? 'use a tokenizer with a smaller vocabulary' : 'reduce the context or the width'}.`,
    );
  }
  return plan;
}

/**
 * Plans the memory of a run even if some of its tensors exceed the largest binding, to show how much it would need.
 * @throws EngineError LIMIT_EXCEEDED when a single parameter exceeds the largest binding, so that there is no layout
 */
export function memoryEstimate(config: TrainConfig, vocabulary: number, limits: PlanLimits): MemoryPlan {
  const tensors = runTensors(config, vocabulary, limits);
  const bytes = Object.fromEntries([...MEMORY_CATEGORIES, 'total'].map((key) => [key, 0])) as Record<
    MemoryCategory | 'total',
    number
  >;
  let largest = tensors.planned[0]!.tensor;
  let most = 0;
  for (const { tensor, category } of tensors.planned) {
    const size = byteLength(tensor);
    bytes[category] += size;
    bytes.total += size;
    if (size <= most) continue;
    most = size;
    largest = tensor;
  }
  const all = limits.saved ? withSnapshot(bytes, stagingBytes(tensors)) : bytes;
  return { tensors, bytes: all, largest };
}

/** The bytes of a run together with a snapshot of its state. @param snapshot in bytes */
export function withSnapshot(bytes: MemoryBytes, snapshot: number): MemoryBytes {
  return { ...bytes, snapshot, total: bytes.total - bytes.snapshot + snapshot };
}

/** The bytes of a run together with those of the cache and the passes that sample from it. @param sampling in bytes */
export function withSampling(bytes: MemoryBytes, sampling: number): MemoryBytes {
  return { ...bytes, activations: bytes.activations + sampling, total: bytes.total + sampling };
}
