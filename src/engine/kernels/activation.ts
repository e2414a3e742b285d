import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';

/** The activation function of an MLP, and its input. */
export interface Activation {
  /** File name in shaders/functions/ without `.wgsl`. */
  readonly kind: string;
  /** The stored pre-activation, (rows, I), or (rows, 2 I) of a gated MLP: gate, then up. */
  readonly preActivation: Operand;
}

/** An activation whose gradient a matmul's epilogue makes. */
export interface ActivationBackward extends Activation {
  /** The output is the gradient of gate and up, (rows, 2 I), instead of that of the pre-activation, (rows, I). */
  readonly gated: boolean;
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

/**
 * out (rows, I) = activation function of the gate * up, of a stored pre-activation (rows, 2 I).
 * @param args `found` receives overflows; recomputation, which makes the same bits again, has none
 */
export function gatedForward(
  target: Target,
  args: Activation & { out: Operand; rows: number; width: number; found?: Operand; label: string },
): Dispatch {
  const { kind, preActivation, out, rows, width, found, label } = args;
  const vectors = (rows * width) / 4;
  return dispatch(target, 'gated_forward', {
    operands: { out, preActivation },
    functions: { activation: kind },
    scaled: { record: 'preActivation' },
    writes: ['out'],
    found,
    uniforms: { vectors, n4: width / 4 },
    conditions: { checked: found !== undefined },
    grid: linearGrid(vectors, 64),
    label,
  });
}
