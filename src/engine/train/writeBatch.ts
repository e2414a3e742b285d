/** Writes batches to the GPU. */

import { paddedVocabulary } from '../config/gptConfig.ts';
import { type Batch, positionsByToken } from '../data/batches.ts';
import type { Arena } from '../gpu/arena.ts';
import type { Tensor } from '../gpu/tensor.ts';
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

/** Writes a batch as {@link writeBatch}, and the positions of each token for the embedding's backward pass. */
export function writeTrainingBatch(device: GPUDevice, arena: Arena, tensors: RunTensors, batch: Batch): void {
  writeBatch(device, arena, tensors, batch);
  const { starts, positions } = positionsByToken(batch.tokens, paddedVocabulary(tensors.gpt));
  write(device, arena, tensors.tokenStarts, starts);
  write(device, arena, tensors.tokenPositions, positions);
}

function write(device: GPUDevice, arena: Arena, tensor: Tensor, data: Uint32Array): void {
  device.queue.writeBuffer(arena.buffer(tensor), 0, data as Uint32Array<ArrayBuffer>);
}
