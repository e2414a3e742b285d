import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';

/** The activation function of an MLP, and its input. */
export interface Activation {
  /** File name in shaders/functions/ without `.wgsl`. */
  readonly kind: string;
  /** The stored pre-activation, (rows, hidden). */
  readonly preActivation: Operand;
}

/** out = activation function of a stored pre-activation, with the same bits that a matmul's epilogue computes. */
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
