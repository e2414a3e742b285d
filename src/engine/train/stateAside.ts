/** Keeps the step state aside during work that computes gradients without being a step. */
import type { Arena } from '../gpu/arena.ts';
import { byteLength, type Tensor } from '../gpu/tensor.ts';
import type { RunTensors } from '../model/tensors.ts';
import { forgetOverflow } from './weights.ts';

/**
 * Saves the step state. The returned function restores it and clears the found-inf flag, which the optimizer would otherwise
 * see in the next step.
 */
export function stashState(
  device: GPUDevice,
  arena: Arena,
  { state, stateAside, found }: Pick<RunTensors, 'state' | 'stateAside' | 'found'>,
): () => void {
  const copy = (from: Tensor, to: Tensor): void => {
    const encoder = device.createCommandEncoder({ label: `copy ${from.name}` });
    encoder.copyBufferToBuffer(arena.buffer(from), 0, arena.buffer(to), 0, byteLength(from));
    device.queue.submit([encoder.finish()]);
  };
  copy(state, stateAside);
  return () => {
    copy(stateAside, state);
    forgetOverflow(device, arena.buffer(found));
  };
}
