import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import { blockScalesOf, type Operand } from '../gpu/tensor.ts';

/**
 * Stores the scales of `out` (rows, width), of its rows or columns, and none of its elements: the powers of two above the largest
 * magnitudes of up in `preActivation` (rows, 2 width): gate, then up.
 */
export function smoothScales(
  target: Target,
  args: { preActivation: Operand; out: Operand; rows: number; width: number; label: string },
): Dispatch {
  const { preActivation, out, rows, width, label } = args;
  const perToken = blockScalesOf(out)?.block !== undefined;
  return dispatch(target, 'smooth_scales', {
    operands: { preActivation, out },
    scaled: { record: 'preActivation' },
    writes: ['out'],
    uniforms: { rows, n4: width / 4 },
    conditions: { perToken },
    grid: perToken ? linearGrid(Math.ceil(rows / 4), 1) : linearGrid(width / 4, 64),
    label: `${label} smooth scales`,
  });
}
