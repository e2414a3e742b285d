/** Master weights as 64-bit fixed-point integers: see shaders/lib/fixed_master.wgsl. */
import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';

/** Elements that share an exponent. */
const BLOCK = 256;
const BLOCK_WORDS = 129 * 4;

/** Words of the fixed-point weights of a chunk, whose elements are a multiple of 256. */
export function fixedWords(elements: number): number {
  return (elements / BLOCK) * BLOCK_WORDS;
}

/** Gives the weights of a chunk room after an update; with `master` makes them from its f32 values. */
export function fixedRange(
  target: Target,
  args: { readonly fixed: Operand; readonly master?: Operand; readonly elements: number },
): Dispatch {
  const { fixed, master, elements } = args;
  const blocks = elements / BLOCK;
  return dispatch(target, 'fixed_range', {
    operands: { master },
    tensors: { fixedMaster: fixed },
    writes: ['fixedMaster'],
    uniforms: { blocks },
    conditions: { fromMaster: master !== undefined },
    grid: linearGrid(blocks, 1),
    label: 'fixed-point weights',
  });
}
