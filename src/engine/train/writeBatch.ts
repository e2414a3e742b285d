/** Writes batches to the GPU. */

import { paddedVocabulary } from '../config/gptConfig.ts';
import { microBatchesPerStep, microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import { randomBits, streamOf } from '../core/rng.ts';
import { type Batch, positionsByToken } from '../data/batches.ts';
import type { Arena } from '../gpu/arena.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { windowWords } from '../kernels/attentionOptions.ts';
import type { RunTensors } from '../model/tensors.ts';

/** Writes tokens and targets for a forward pass. */
export function writeBatch(
  device: GPUDevice,
  arena: Arena,
  tensors: RunTensors,
  { tokens, targets }: Batch,
): void {
  write(device, arena, tensors.tokens, tokens);
  write(device, arena, tensors.targets, targets);
}

/**
 * Writes a batch as {@link writeBatch}, the positions of each token for the embedding's backward pass, and what differs
 * between windows.
 * @param index of the micro-batch in the run, from 0
 */
export function writeTrainingBatch(
  device: GPUDevice,
  arena: Arena,
  tensors: RunTensors,
  batch: Batch,
  config: Pick<TrainConfig, 'seed' | 'batch' | 'microBatch' | 'accumulation'>,
  index: number,
): void {
  writeBatch(device, arena, tensors, batch);
  const { windowTable, gpt, windows } = tensors;
  const { starts, positions } = positionsByToken(batch.tokens, paddedVocabulary(gpt));
  write(device, arena, tensors.tokenStarts, starts);
  write(device, arena, tensors.tokenPositions, positions);
  if (!windowTable) return;
  const places = Array.from({ length: windows }, (_, row) => windowPlace(config, index, row));
  write(device, arena, windowTable, windowWords(places, { context: gpt.context, keys: gpt.context }));
}

/**
 * The seed of the step that a micro-batch belongs to, and the index of one of its windows in the step. What is dropped
 * depends on nothing else: a batch that is computed again drops the same, and so does a step that is cut differently.
 */
export function windowPlace(
  config: Pick<TrainConfig, 'seed' | 'batch' | 'microBatch' | 'accumulation'>,
  index: number,
  row: number,
): { readonly seed: number; readonly index: number } {
  const perStep = microBatchesPerStep(config);
  const step = Math.floor(index / perStep);
  return {
    seed: randomBits(step, streamOf('dropout', config.seed)),
    index: (index % perStep) * microBatchOf(config) + row,
  };
}

function write(device: GPUDevice, arena: Arena, tensor: Tensor, data: Uint32Array): void {
  device.queue.writeBuffer(arena.buffer(tensor), 0, data as Uint32Array<ArrayBuffer>);
}
