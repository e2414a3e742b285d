/** Derives the properties that kernels depend on from what an adapter reports. */

import { EngineError } from '../core/errors.ts';
import type { HalfStorage } from '../precision/formats.ts';
import type { AdapterReport } from './device.ts';
import type { AttentionKernel, MatmulKernel, Target } from './operation.ts';

/** Lanes of a row kernel's workgroup on GPUs, and where there are no subgroups at least. */
const LANES = 64;

/** Returns the f16 storage of a run. @throws EngineError BAD_VALUE if native f16 is wanted and not available */
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
    packedProducts = false,
  }: Pick<Target, 'matmul' | 'matrixShapes' | 'packedProducts'> & {
    readonly attention?: AttentionKernel | undefined;
  },
): Target {
  const { size: subgroup, asked } = report.subgroup ?? { size: null, asked: false };
  return {
    half,
    subgroup,
    asksSubgroup: asked,
    // Barriers cost software adapters more than the lanes of a wider workgroup bring.
    lanes: subgroup === null ? LANES : report.isFallback ? subgroup : Math.max(LANES, subgroup),
    matmul,
    attention,
    matrixShapes,
    packedProducts,
    // Software adapters have few cores, which are busy anyway, and partial sums would only add memory traffic.
    splitSums: !report.isFallback,
  };
}

/**
 * Returns the matmul kernels to time on an adapter, with the one that is expected to win first. On software adapters the
 * answer is known: as many rows as their compilers keep in registers, and no workgroup memory, which is ten times slower.
 */
export function matmulCandidates({ isFallback, subgroup }: AdapterReport): readonly MatmulKernel[] {
  const size = subgroup?.size ?? 0;
  if (isFallback) return [size >= 8 ? 'register32' : 'register8'];
  return ['tiled', 'register16-unshared', ...(size > 0 ? (['register16'] as const) : [])];
}

/**
 * Returns the attention kernels to time on an adapter, with the one that is expected to win first. What the register kernels
 * share by shuffles GPUs read at one address for all lanes at less cost, and heads of 64 would not fit in their registers.
 */
export function attentionCandidates({
  isFallback,
}: Pick<AdapterReport, 'isFallback'>): readonly AttentionKernel[] {
  return isFallback ? ['register'] : ['uniform'];
}
