import type { Operand } from '../tensor.ts';
import { type Dispatch, linearGrid, slotsOf, type Target, u32 } from './operation.ts';

/** out = GELU of a stored pre-activation: what a matmul's epilogue had written there, bit by bit. */
export function geluForward(
  target: Target,
  args: { preActivation: Operand; out: Operand; elements: number; label: string },
): Dispatch {
  const { preActivation, out, label } = args;
  const vectors = args.elements / 4;
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'gelu_forward',
      slots: slotsOf(target, { preActivation, out }),
      conditions: {},
      constants: {},
    },
    bindings: { preActivation, out },
    params: [u32(vectors)],
    grid: linearGrid(vectors, 64),
    label,
  };
}
