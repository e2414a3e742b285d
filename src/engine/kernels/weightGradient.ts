/** The gradient of a weight matrix: few results, each a sum over all rows of a micro-batch. */

import type { Dispatch, Target } from '../gpu/operation.ts';
import { slice, type Tensor } from '../gpu/tensor.ts';
import { type MatmulArgs, matmul, type SumParts } from './matmul.ts';
import { reducePartials } from './rows.ts';

/** 256 tiles of 64 x 64. With fewer, most cores of a large GPU would be idle. Adapters do not report how many cores they have. */
const ENOUGH_RESULTS = 2 ** 20;
/** Fewest products in a part of a sum, so that storing and reading its results costs little in comparison. */
const LEAST_STEPS = 256;
/** A multiple of the length along k that each matmul kernel processes at a time. */
const STEP_UNIT = 64;

/**
 * Elements of the scratch tensor in which {@link weightGradient} can split its sums into as many parts as it wants, at most
 * `room`; 0 if it does not split them.
 */
export function partialElements(m: number, n: number, k: number, room: number): number {
  const parts = wantedParts(m, n, k, room);
  return parts > 1 ? parts * m * n : 0;
}

/** Number of parts that fill a GPU. It is not timed, because it determines the order of the sum and so the bits of the result. */
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
 * out (m, n) += a^T b for a (k, m) and b (k, n). If the target splits sums and `partials` (f32) has room, a first pass computes
 * the parts and a second adds them in order. The bits are reproducible, but differ from those of a single pass.
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
