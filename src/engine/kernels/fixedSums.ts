/** Loss and gradient norm as sums of 64-bit integers, which no order changes: see shaders/lib/fixed_sum.wgsl. */
import { dispatch } from '../gpu/dispatch.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';
import { NORM_PARTIALS } from './optimizer.ts';

/** The exponent of the smallest power of two that is at least `count`. */
function headroomOf(count: number): number {
  return Math.ceil(Math.log2(Math.max(1, count)));
}

/** One chunk of a gradient. */
interface GradientChunk {
  readonly gradient: Operand;
  readonly elements: number;
}

/**
 * partials[0] = the sum of the squares of all chunks, f32, unscaled. Its bits follow from the gradient and the sizes of the chunks.
 * @param args `partials`: at least {@link NORM_PARTIALS} f32 for each chunk, which are overwritten
 */
export function fixedSquares(
  target: Target,
  chunks: readonly GradientChunk[],
  { state, partials }: { readonly state: Operand; readonly partials: Operand },
): Dispatch[] {
  const count = NORM_PARTIALS * chunks.length;
  return [
    ...chunks.map(({ gradient, elements }, chunk) => {
      const vectors = elements / 4;
      const rounds = Math.ceil(vectors / 64 / NORM_PARTIALS);
      return dispatch({ ...target, half: 'packed' }, 'fixed_squares', {
        operands: { gradient },
        tensors: { state, partials },
        writes: ['partials'],
        uniforms: {
          ...{ vectors, groups: NORM_PARTIALS, first: NORM_PARTIALS * chunk },
          headroom: headroomOf(256 * rounds),
        },
        grid: [NORM_PARTIALS, 1, 1],
        label: 'squares of gradients, fixed-point',
      });
    }),
    dispatch(null, 'fixed_total', {
      tensors: { partials },
      writes: ['partials'],
      uniforms: { count, headroom: headroomOf(count) },
      grid: [1, 1, 1],
      label: 'sum of squares, fixed-point',
    }),
  ];
}
