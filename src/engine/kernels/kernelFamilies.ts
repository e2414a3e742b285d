/** The parts of a step that several families of kernels compute, and how a family is tested and the fastest is found. */
import type { AdapterReport } from '../gpu/device.ts';
import type { AttentionKernel, Dispatch, MatmulKernel, Target } from '../gpu/operation.ts';
import { attentionCandidates, makeTarget, matmulCandidates } from '../gpu/target.ts';
import { attentionFault } from './attentionSelfTest.ts';
import { attentionOption } from './kernelOption.ts';
import type { Gpu } from './kernelTiming.ts';
import { productFault } from './matrixSelfTest.ts';

export interface Families {
  readonly matmul: MatmulKernel;
  readonly attention: AttentionKernel;
}

export interface Part<Id extends keyof Families = keyof Families> {
  readonly id: Id;
  /** The family that others are tested against: it needs nothing but core WebGPU. */
  readonly plain: Families[Id];
  /** The families to time on an adapter. The first is taken unless another is measured to be faster. */
  candidates(report: AdapterReport): readonly Families[Id][];
  /** Whether a dispatch of a step belongs to it. */
  isOf(dispatch: Dispatch): boolean;
  /** Describes how the results of a family differ from those of the plain one; null if they do not. Waits for the GPU. */
  fault(gpu: Gpu, name: Families[Id]): Promise<string | null>;
  /** As the setting `kernels` calls a family. */
  optionOf(name: Families[Id]): string;
}

const PLAIN: Families = { matmul: 'register8', attention: 'register' };

/** Without subgroups, so that nothing is shared between lanes. */
function plainTarget(report: AdapterReport): Target {
  return makeTarget({ ...report, subgroup: null }, 'packed', { ...PLAIN, matrixShapes: [] });
}

/** The two tiles between which `tiled` takes one by the size of the result, since a self-test is too small for the larger one. */
const TILES = ['tiled64', 'tiled128'] as const;

export const MATMUL: Part<'matmul'> = {
  id: 'matmul',
  plain: PLAIN.matmul,
  candidates: matmulCandidates,
  isOf: ({ variant }) => variant.kernel.startsWith('matmul_'),
  async fault({ device, pipelines, report }, name) {
    for (const matmul of name === 'tiled' ? TILES : [name]) {
      const target = makeTarget(report, 'packed', { ...PLAIN, matmul, matrixShapes: [] });
      const fault = await productFault(device, pipelines, matmul, 'f32', target, plainTarget(report));
      if (fault) return fault;
    }
    return null;
  },
  optionOf: (name) => name,
};

/** Describes how products of 8-bit integers, four at a time, differ from the plain ones; null if they do not. Waits for the GPU. */
export async function packedFault({ device, pipelines, report }: Gpu): Promise<string | null> {
  if (!report.packedProducts) return 'WGSL has no dot4I8Packed there';
  for (const matmul of TILES) {
    const target = makeTarget(report, 'packed', { ...PLAIN, matmul, matrixShapes: [], packedProducts: true });
    const fault = await productFault(device, pipelines, 'packed', 'i8', target, plainTarget(report));
    if (fault) return fault;
  }
  return null;
}

export const ATTENTION: Part<'attention'> = {
  id: 'attention',
  plain: PLAIN.attention,
  candidates: attentionCandidates,
  isOf: ({ variant }) => variant.kernel.startsWith('attention_'),
  fault(gpu, attention) {
    const target = makeTarget(gpu.report, 'packed', { ...PLAIN, attention, matrixShapes: [] });
    return attentionFault(gpu, target, plainTarget(gpu.report));
  },
  optionOf: attentionOption,
};

interface Trial<Name> {
  /** Null where it was not measured: then what is expected is taken. */
  seconds(name: Name): Promise<number | null>;
  fault(name: Name): Promise<string | null>;
  readonly plain: Name;
  /** Share of the time of what is expected that another may take at most. */
  readonly clearWin: number;
}

/** Returns the fastest of the candidates that has no fault, or the plain family, and what is wrong with those passed over. */
export async function fastest<Name extends string>(
  candidates: readonly Name[],
  { seconds, fault, plain, clearWin }: Trial<Name>,
): Promise<{ readonly name: Name; readonly notes: readonly string[] }> {
  const times = new Map<Name, number>();
  for (const name of candidates.length > 1 ? candidates : []) {
    const time = await seconds(name);
    if (time === null) break;
    times.set(name, time);
  }
  const notes: string[] = [];
  let left = candidates;
  while (left.length > 0) {
    const best = left.reduce((one, other) => {
      const [time, others] = [times.get(one), times.get(other)];
      return time !== undefined && others !== undefined && others < time * clearWin ? other : one;
    });
    const problem = await fault(best);
    if (problem === null) return { name: best, notes };
    notes.push(`${best} is not used: ${problem}`);
    left = left.filter((name) => name !== best);
  }
  return { name: plain, notes };
}
