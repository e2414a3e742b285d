/** Splits the input of a product into columns for 8-bit integers and columns that are multiplied in a wider format. */
import { dispatch } from '../gpu/dispatch.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import type { Operand, Tensor } from '../gpu/tensor.ts';
import { rowBlocks } from './rows.ts';

/** Elements of the scratch that {@link splitOutliers} needs. */
export function outlierScratch(rows: number, columns: number): number {
  return rowBlocks(rows) * columns;
}

/**
 * regular + outliers = inp (rows, columns): a column goes to `outliers` if one of its magnitudes reaches the threshold.
 * @param args `partials`: ({@link outlierScratch}) f32
 */
export function splitOutliers(
  target: Target,
  args: {
    readonly label: string;
    readonly inp: Operand;
    readonly regular: Operand;
    readonly outliers: Operand;
    readonly partials: Tensor;
    readonly rows: number;
    readonly columns: number;
    readonly threshold: number;
  },
): Dispatch[] {
  const { label, inp, regular, outliers, partials, rows, columns, threshold } = args;
  const blocks = rowBlocks(rows);
  const shape = { rows, c4: columns / 4, rowsPerBlock: Math.ceil(rows / blocks) };
  const constants = { LANES: target.lanes };
  const grid = [Math.ceil(shape.c4 / target.lanes), blocks, 1] as const;
  return [
    dispatch(target, 'column_amax', {
      operands: { inp },
      tensors: { partials },
      writes: ['partials'],
      uniforms: shape,
      constants,
      grid,
      label: `${label} amax`,
    }),
    dispatch(target, 'outlier_columns', {
      operands: { inp, regular, outliers },
      tensors: { partials },
      writes: ['regular', 'outliers'],
      uniforms: { ...shape, blocks, threshold },
      constants,
      grid,
      label: `${label} outliers`,
    }),
  ];
}
