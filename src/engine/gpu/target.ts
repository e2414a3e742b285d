/** The properties of an adapter that kernels depend on. */

import { EngineError } from '../core/errors.ts';
import type { HalfStorage } from '../precision/formats.ts';
import type { AdapterReport } from './device.ts';
import type { AttentionKernel, MatmulKernel, Target } from './operation.ts';

/** Without subgroups, row kernels reduce over this many lanes in workgroup memory. */
const LANES_WITHOUT_SUBGROUPS = 64;

/** Returns the f16 storage for a run. @throws EngineError BAD_VALUE when native f16 is not available */
export function chooseHalf(wanted: 'auto' | HalfStorage, report: AdapterReport): HalfStorage {
  if (wanted === 'native' && !report.features.includes('shader-f16')) {
    throw new EngineError(
      'BAD_VALUE',
      `Native f16 needs the WebGPU feature shader-f16, which ${report.name} does not offer.`,
      'Use packed f16, which stores the same values, two in a word.',
    );
  }
  return wanted === 'auto' ? report.half : wanted;
}

export function makeTarget(
  report: AdapterReport,
  half: HalfStorage,
  {
    matmul,
    matrixShapes,
    attention = attentionCandidates(report)[0]!,
  }: Pick<Target, 'matmul' | 'matrixShapes'> & {
    readonly attention?: AttentionKernel | undefined;
  },
): Target {
  return {
    half,
    subgroups: report.subgroupSize !== null,
    lanes: report.subgroupSize?.min ?? LANES_WITHOUT_SUBGROUPS,
    matmul,
    attention,
    matrixShapes,
    // Software adapters have few cores, which are busy anyway, and partial sums would only add memory traffic.
    splitSums: !report.isFallback,
  };
}

/**
 * Returns the matmul kernels to time on an adapter, with the one that is expected to win first. On software adapters the
 * answer is known: as many rows as their compilers keep in registers, and no workgroup memory, which is ten times slower.
 */
export function matmulCandidates({ isFallback, subgroupSize }: AdapterReport): readonly MatmulKernel[] {
  if (isFallback) return [subgroupSize && subgroupSize.min >= 8 ? 'register32' : 'register8'];
  // Without subgroups every lane loads all of `a` by itself, and fewer rows need fewer registers.
  return [subgroupSize ? 'register16' : 'register8', 'tiled'];
}

/** Returns the attention kernels to time on an adapter, with the one that is expected to win first. */
export function attentionCandidates({
  isFallback,
}: Pick<AdapterReport, 'isFallback'>): readonly AttentionKernel[] {
  return isFallback ? ['register'] : ['uniform', 'register'];
}
