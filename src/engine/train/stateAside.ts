/** Keeps the step state aside during work that computes gradients without being a step. */
import { type Arena, copyTensor } from '../gpu/arena.ts';
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
  copyTensor(device, arena, state, stateAside);
  return () => {
    copyTensor(device, arena, stateAside, state);
    forgetOverflow(device, arena.buffer(found));
  };
}
