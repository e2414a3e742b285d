/** The largest magnitudes of a matrix's columns, which are found in blocks of rows, for kernels that join them. */
import { dispatch } from '../gpu/dispatch.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import type { Operand, Tensor } from '../gpu/tensor.ts';
import { rowBlocks } from './rows.ts';

/** Elements of the f32 scratch that {@link columnAmax} fills. */
export function columnPartials(rows: number, columns: number): number {
  return rowBlocks(rows) * columns;
}

/**
 * `amax` fills `partials` ({@link columnPartials}) from inp (rows, columns); `reader` is how a kernel that goes over the same blocks
 * and joins them with lib/column_partials.wgsl is dispatched.
 */
export function columnAmax(
  target: Target,
  args: {
    readonly label: string;
    readonly inp: Operand;
    readonly partials: Tensor;
    readonly rows: number;
    readonly columns: number;
  },
) {
  const { label, inp, partials, rows, columns } = args;
  const blocks = rowBlocks(rows);
  const uniforms = { rows, c4: columns / 4, rowsPerBlock: Math.ceil(rows / blocks) };
  const constants = { LANES: target.lanes };
  const grid = [Math.ceil(uniforms.c4 / target.lanes), blocks, 1] as const;
  const amax: Dispatch = dispatch(target, 'column_amax', {
    ...{ operands: { inp }, tensors: { partials }, writes: ['partials'] },
    ...{ uniforms, constants, grid, label: `${label} amax` },
  });
  return { amax, reader: { uniforms: { ...uniforms, blocks }, constants, grid } };
}
