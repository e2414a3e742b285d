import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';

/** What an MLP does between its layers, and to what. */
export interface Activation {
  /** File of shaders/functions/ without its ending. */
  readonly kind: string;
  /** As it was stored. */
  readonly preActivation: Operand;
}

/** out = activation function of a stored pre-activation: what a matmul's epilogue had written there, bit by bit. */
export function activationForward(
  target: Target,
  args: Activation & { out: Operand; elements: number; label: string },
): Dispatch {
  const { kind, preActivation, out, label } = args;
  const vectors = args.elements / 4;
  return dispatch(target, 'activation_forward', {
    operands: { preActivation, out },
    functions: { activation: kind },
    scaled: { record: 'preActivation' },
    writes: ['out'],
    uniforms: { vectors },
    grid: linearGrid(vectors, 64),
    label,
  });
}
