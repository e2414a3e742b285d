import { type Dispatch, groupedBy, linearGrid, slotsOf, type Target, u32 } from '../gpu/operation.ts';
import { type Operand, recordOf, scaleOf } from '../gpu/tensor.ts';

/** out = GELU of a stored pre-activation: what a matmul's epilogue had written there, bit by bit. */
export function geluForward(
  target: Target,
  args: { preActivation: Operand; out: Operand; elements: number; label: string },
): Dispatch {
  const { preActivation, out, label } = args;
  const vectors = args.elements / 4;
  const scales = scaleOf(preActivation)?.tensor;
  const grouped = groupedBy(preActivation);
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'gelu_forward',
      slots: slotsOf(target, { preActivation, out }),
      conditions: { scaled: scales !== undefined, ...grouped.conditions },
      constants: {},
    },
    bindings: { preActivation, out, ...(scales && { scales }), ...grouped.bindings },
    params: [u32(vectors), ...(scales ? [u32(recordOf(preActivation))] : [])],
    grid: linearGrid(vectors, 64),
    label,
  };
}
