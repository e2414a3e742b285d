/** What kernels are told about an adapter. */

import { EngineError } from '../core/errors.ts';
import type { HalfStorage } from '../precision/formats.ts';
import type { AdapterReport } from './device.ts';
import type { MatmulKernel, Target } from './operation.ts';

/** Row kernels without subgroups reduce over this many lanes in shared memory. */
const LANES_WITHOUT_SUBGROUPS = 64;

/** The storage of halves that a run asks for. @throws EngineError BAD_VALUE when native halves are not there */
export function chooseHalf(wanted: 'auto' | HalfStorage, report: AdapterReport): HalfStorage {
  if (wanted === 'native' && !report.features.includes('shader-f16')) {
    throw new EngineError(
      'BAD_VALUE',
      `Native f16 needs the WebGPU feature shader-f16; ${report.name} does not offer it.`,
      'Use packed f16: the same values, two in a word.',
    );
  }
  return wanted === 'auto' ? report.half : wanted;
}

export function makeTarget(
  report: AdapterReport,
  half: HalfStorage,
  { matmul, matrixShapes }: Pick<Target, 'matmul' | 'matrixShapes'>,
): Target {
  return {
    half,
    subgroups: report.subgroupSize !== null,
    lanes: report.subgroupSize?.min ?? LANES_WITHOUT_SUBGROUPS,
    matmul,
    matrixShapes,
    // Two cores have enough to do, and the partial sums would only pass through memory.
    splitSums: !report.isFallback,
  };
}

/**
 * The matmul kernels worth trying on an adapter, the expected one first. On software adapters the answer is known:
 * as many rows as their compilers keep at hand, and never shared memory, which costs them ten times the speed.
 */
export function matmulCandidates({ isFallback, subgroupSize }: AdapterReport): readonly MatmulKernel[] {
  if (isFallback) return [subgroupSize && subgroupSize.min >= 8 ? 'register32' : 'register8'];
  // Without subgroups every lane loads all of `a` itself, and fewer rows keep registers free.
  return [subgroupSize ? 'register16' : 'register8', 'tiled'];
}
