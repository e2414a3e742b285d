/** The product of LLM.int8(): columns of the input with large values in a wider format, the rest in 8-bit integers. */
import { formatOf, type Operand } from '../../gpu/tensor.ts';
import { columnPartials } from '../../kernels/columnAmax.ts';
import type { Stored } from '../emission.ts';
import type { Pass } from '../pass.ts';

/**
 * Emits out (rows, n) = x W + bias + residual for x (rows, k), as codes W' of the columns below the threshold plus the master W
 * of the others. All products share the scratch.
 * @param args `x`: as it was before it was quantised to `codes`, which are made again
 */
export function outlierProduct(
  pass: Pass,
  threshold: number,
  args: {
    readonly label: string;
    readonly x: Operand;
    readonly codes: Operand;
    readonly weight: Operand;
    readonly master: Operand;
    readonly bias?: Operand;
    readonly residual?: Operand;
    readonly out: Operand;
    readonly n: number;
    readonly k: number;
  },
  ...stores: Stored[]
): void {
  const { label, x, codes, weight, master, bias, residual, out, n, k } = args;
  const { rows, found, run } = pass;
  const shared = (name: string, type: ReturnType<typeof formatOf>, elements: number) =>
    run.tensorPlan.shared('activations', name, type, elements);
  const regular = shared('regular columns', formatOf(x), rows * k);
  const outliers = shared('outlier columns', formatOf(x), rows * k);
  const partials = shared('magnitudes of columns', 'f32', columnPartials(rows, k));
  const sum = shared('product of regular columns', 'f32', rows * n);
  pass.emit((target, { splitOutliers }) =>
    splitOutliers(target, { label, inp: x, regular, outliers, partials, rows, columns: k, threshold }),
  );
  pass.quantize(label, regular, codes, rows * k, {});
  const shape = { m: rows, n, k, found };
  pass.emit(
    (target, { matmul }) => [
      matmul(target, {
        ...{ label, a: codes, b: weight, out: sum, ...shape },
        ...(bias && { bias }),
        ...(residual && { residual }),
      }),
      matmul(target, { label, a: outliers, b: master, out, residual: sum, ...shape }),
    ],
    ...stores,
  );
}
