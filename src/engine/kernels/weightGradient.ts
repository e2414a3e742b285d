/** dW: a small matrix, each element a sum over all rows of a micro-batch. */

import type { Dispatch, Target } from '../gpu/operation.ts';
import { slice, type Tensor } from '../gpu/tensor.ts';
import { type MatmulArgs, matmul, type SumParts } from './matmul.ts';
import { reducePartials } from './rows.ts';

/** 256 tiles of 64 x 64: below that a large GPU has nothing to do on most of its cores. No adapter reports how many it has. */
const ENOUGH_RESULTS = 2 ** 20;
/** A part sums so many steps at least, so that storing and reading its results is little beside it. */
const LEAST_STEPS = 256;
/** What all matmul kernels take of the sum at a time divides this. */
const STEP_UNIT = 64;

/**
 * Elements of the scratch in which {@link weightGradient} can cut its sums as it wishes, of at most `room`; 0 where it
 * does not cut them.
 */
export function partialElements(m: number, n: number, k: number, room: number): number {
  const parts = wantedParts(m, n, k, room);
  return parts > 1 ? parts * m * n : 0;
}

/** As many parts as fill a GPU, a rule without timing: the cut decides the order of the sum. */
function wantedParts(m: number, n: number, k: number, room: number): number {
  const results = m * n;
  const limits = [Math.ceil(ENOUGH_RESULTS / results), k / LEAST_STEPS, room / results];
  return Math.max(1, Math.floor(Math.min(...limits)));
}

function partsOfSum(m: number, n: number, k: number, room: number): SumParts {
  const step = Math.ceil(k / wantedParts(m, n, k, room) / STEP_UNIT) * STEP_UNIT;
  return { count: Math.ceil(k / step), step };
}

/**
 * out (m, n) += a^T b of a (k, m) and b (k, n): in one pass, or where the target splits sums and `partials` (f32)
 * has room in two: the parts, then their sum in order. Equal bits each time, other bits than in one pass.
 */
export function weightGradient(
  target: Target,
  args: Pick<MatmulArgs, 'label' | 'a' | 'b' | 'out' | 'm' | 'n' | 'k' | 'found'>,
  partials: Tensor,
): Dispatch[] {
  const { label, a, b, out, m, n, k, found } = args;
  const product = { a, b, m, n, k, aTransposed: true, found };
  const parts = partsOfSum(m, n, k, partials.elements);
  if (!target.splitSums || parts.count < 2) {
    return [matmul(target, { ...product, label, out, accumulate: true })];
  }
  const width = m * n;
  const part = slice(partials, 0, parts.count * width);
  return [
    matmul(target, { ...product, label: `${label} partial sums`, out: part, parts }),
    reducePartials(target, { partials, first: 0, out, blocks: parts.count, width, found, label }),
  ];
}
