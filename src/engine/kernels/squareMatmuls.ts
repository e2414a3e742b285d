import type { Dispatch, Target } from '../gpu/operation.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { matmul } from './matmul.ts';

/** Large enough to fill a GPU. */
const SIZE = 1024;
const LAYOUTS = [{}, { bTransposed: true }, { aTransposed: true }];

/** What kernels are timed on where there is no run: square matmuls in each layout. */
export function squareMatmuls(target: Target): Dispatch[] {
  const matrix = (name: string): Tensor => ({ name: `tune ${name}`, type: 'f32', elements: SIZE * SIZE });
  const [a, b, out] = [matrix('a'), matrix('b'), matrix('out')];
  const found: Tensor = { name: 'tune found', type: 'u32', elements: 4 };
  return LAYOUTS.map((layout) =>
    matmul(target, { label: 'tune', a, b, out, m: SIZE, n: SIZE, k: SIZE, found, ...layout }),
  );
}
