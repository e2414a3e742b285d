/** Kernels of steps that skip single tensors. */
import { dispatch } from '../gpu/dispatch.ts';
import { treeForm } from '../gpu/lanes.ts';
import type { Dispatch } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';

/** Words from the step state of a tensor to that of the next: 256 bytes, so that each can be bound by itself. */
export const TENSOR_STATE_WORDS = 64;
/** Most workgroups that read a part of a gradient. */
const GROUPS = 64;

/** Number of partial sums of a part with this many elements. */
export function tensorPartials(elements: number): number {
  return Math.min(GROUPS, Math.ceil(elements / 256));
}

/** squares[tensor] = the sum of partials[first .. first + count], or -1 if one of them marks a gradient that is not finite. */
export function tensorSquares(args: {
  readonly partials: Operand;
  readonly squares: Operand;
  readonly first: number;
  readonly count: number;
  readonly tensor: number;
  readonly label: string;
}): Dispatch {
  const { partials, squares, first, count, tensor, label } = args;
  return dispatch(null, 'tensor_squares', {
    tensors: { partials, squares },
    writes: ['squares'],
    uniforms: { first, count, tensor },
    ...treeForm(64),
    grid: [1, 1, 1],
    label: `${label} gradient`,
  });
}

/** Copies the step state to each tensor's, with its own decision, count of applied steps and bias corrections. */
export function tensorStates(args: {
  readonly state: Operand;
  readonly schedule: Operand;
  readonly squares: Operand;
  readonly states: Operand;
  readonly tensors: number;
  readonly scheduleLength: number;
}): Dispatch {
  const { state, schedule, squares, states, tensors, scheduleLength } = args;
  return dispatch(null, 'tensor_states', {
    tensors: { state, schedule, squares, states },
    writes: ['states'],
    uniforms: { tensors, scheduleLength },
    grid: [Math.ceil(tensors / 64), 1, 1],
    label: 'steps of tensors',
  });
}
