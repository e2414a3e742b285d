/** Splits the input of a product into columns for 8-bit integers and columns that are multiplied in a wider format. */
import { dispatch } from '../gpu/dispatch.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import type { Operand, Tensor } from '../gpu/tensor.ts';
import { columnAmax, type columnPartials } from './columnAmax.ts';

/**
 * regular + outliers = inp (rows, columns): a column goes to `outliers` if one of its magnitudes reaches the threshold.
 * @param args `partials`: ({@link columnPartials}) f32
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
  const { amax, reader } = columnAmax(target, { label, inp, partials, rows, columns });
  return [
    amax,
    dispatch(target, 'outlier_columns', {
      ...reader,
      operands: { inp, regular, outliers },
      tensors: { partials },
      writes: ['regular', 'outliers'],
      uniforms: { ...reader.uniforms, threshold },
      label: `${label} outliers`,
    }),
  ];
}
