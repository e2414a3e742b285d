/** Dropout: what the kernels that drop elements need, and the kernel of its backward pass. */
import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';

/** A share of `rate` of the elements is set to zero, and the others are divided by the share that is kept. */
export interface Dropout {
  /** From 0 to below 1. */
  readonly rate: number;
  /** A number of this place's own, so that no two places of a model drop the same. */
  readonly stream: number;
}

/** Dropout of a tensor (B * T, C). */
export interface RowDropout extends Dropout {
  /** (B, 3 + T) u32, as `windowWords` of attentionOptions.ts writes it. */
  readonly windows: Operand;
  /** T, rows of a window. */
  readonly context: number;
}

/** Uniforms of a kernel that drops elements. @throws RangeError for a rate at which nothing would be kept */
export function dropoutUniforms({ rate, stream }: Dropout) {
  if (!(rate >= 0 && rate < 1))
    throw new RangeError(`Dropout at a rate of ${rate} is not from 0 to below 1.`);
  return {
    stream,
    dropped: Math.min(Math.round(rate * 2 ** 32), 2 ** 32 - 1),
    keptScale: 1 / (1 - rate),
  };
}

/**
 * dinp (B * T, C), the gradient of what dropout read, = dout with the same elements dropped; `rounded` receives a copy of
 * dinp in its own format.
 */
export function dropoutBackward(
  target: Target,
  args: {
    label: string;
    dout: Operand;
    dinp: Operand;
    rounded?: Operand | undefined;
    dropout: RowDropout;
    rows: number;
    width: number;
    found: Operand;
  },
): Dispatch {
  const { label, dout, dinp, rounded, dropout, rows, width, found } = args;
  const vectors = (rows * width) / 4;
  return dispatch(target, 'dropout_backward', {
    operands: { dout, dinp, rounded },
    tensors: { windows: dropout.windows },
    writes: ['dinp', 'rounded'],
    found,
    uniforms: { vectors, c4: width / 4, context: dropout.context, ...dropoutUniforms(dropout) },
    conditions: { roundedCopy: rounded !== undefined },
    grid: linearGrid(vectors, 64),
    label,
  });
}
