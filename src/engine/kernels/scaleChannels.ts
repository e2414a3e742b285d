import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';

/** out (rows, C) = inp (rows, C) * scale (C) + residual (rows, C), if there is one. */
export function scaleChannels(
  target: Target,
  args: {
    label: string;
    inp: Operand;
    scale: Operand;
    residual?: Operand;
    out: Operand;
    rows: number;
    width: number;
    found: Operand;
  },
): Dispatch {
  const { label, inp, scale, residual, out, rows, width, found } = args;
  const vectors = (rows * width) / 4;
  return dispatch(target, 'scale_channels', {
    operands: { inp, factor: scale, residual, out },
    writes: ['out'],
    found,
    uniforms: { vectors, c4: width / 4 },
    conditions: { residual: residual !== undefined },
    grid: linearGrid(vectors, 64),
    label,
  });
}
