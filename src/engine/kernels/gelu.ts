import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';

/** out = GELU of a stored pre-activation: what a matmul's epilogue had written there, bit by bit. */
export function geluForward(
  target: Target,
  args: { preActivation: Operand; out: Operand; elements: number; label: string },
): Dispatch {
  const { preActivation, out, label } = args;
  const vectors = args.elements / 4;
  return dispatch(target, 'gelu_forward', {
    operands: { preActivation, out },
    scaled: { record: 'preActivation' },
    grouped: 'preActivation',
    writes: ['out'],
    uniforms: { vectors },
    grid: linearGrid(vectors, 64),
    label,
  });
}
