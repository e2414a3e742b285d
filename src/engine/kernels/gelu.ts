import type { Operand } from '../tensor.ts';
import { dispatch } from './dispatch.ts';
import { type Dispatch, linearGrid, type Target } from './operation.ts';

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
