/** The copies that a run keeps of its weights, averages and the best: how averages follow, and how passes read them in place of the weights. */

import type { TrainConfig } from '../config/trainConfig.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import { slice, type TensorSlice } from '../gpu/tensor.ts';
import { convertFormat, weightAverage } from '../kernels/optimizer.ts';
import type { Chunk, ComputeWeight, Parameter } from './chunks.ts';
import { quantizeWeights } from './quantize.ts';
import type { RunTensors } from './tensors.ts';

/** The weights of a run, the averages of them that a run with `emaDecay` keeps, or the best ones that a run with `keepBest` keeps. */
export type WeightsOfRun = 'master' | KeptWeights;
export type KeptWeights = 'average' | 'best';

/** What a run with these settings keeps beside its weights. */
export function keptWeights({
  emaDecay,
  keepBest,
}: Pick<TrainConfig, 'emaDecay' | 'keepBest'>): KeptWeights[] {
  return [...(emaDecay > 0 ? (['average'] as const) : []), ...(keepBest ? (['best'] as const) : [])];
}

/** Says what a run lacks that keeps no such copy. */
export function keepsNone(which: KeptWeights): string {
  return which === 'average'
    ? 'emaDecay is 0, so the run keeps no average of its weights'
    : 'keepBest is false, so the run keeps no copy of its best weights';
}

type Copied = Pick<RunTensors, 'chunks' | 'computeWeights' | 'scales' | 'weightPartials' | 'levels'>;

/** Moves the averages towards the weights of an applied step. Empty where the run keeps none. */
export function followWeights(
  target: Target,
  { chunks, state }: Pick<RunTensors, 'chunks' | 'state'>,
  decay: number,
): Operation[] {
  return chunks.flatMap(({ average, master, low, elements }) =>
    average ? [weightAverage(target, { average, master, low, state, elements, decay })] : [],
  );
}

/** The parameters of a run whose passes read a copy. Frozen ones keep their values, which are their own copy. */
export function keptParameters(
  { parameters }: Pick<RunTensors, 'parameters'>,
  which: KeptWeights,
): ReadonlyMap<string, Parameter> {
  return new Map(
    [...parameters].map(([name, parameter]) => {
      const parts = parameter.parts.map((part) => {
        const { [which]: kept, master } = part;
        if (!kept) return part;
        const own = (weight: TensorSlice) => (weight.tensor === master.tensor ? kept : weight);
        return {
          ...part,
          master: kept,
          weight: own(part.weight),
          backwardWeight: own(part.backwardWeight),
        };
      });
      return [name, { ...parameter, parts }];
    }),
  );
}

/** Makes the copies that matmuls read, in modes that have some: from the weights, or from a copy that the run keeps of them. */
export function weightCopies(target: Target, tensors: Copied, from: WeightsOfRun): Operation[] {
  const { chunks, computeWeights } = tensors;
  const source = (chunk: Chunk) => chunk[from] ?? chunk.master;
  const copies = chunks.flatMap((chunk): Operation[] => {
    const { compute, elements } = chunk;
    const label = 'compute weights';
    return compute ? [convertFormat(target, { inp: source(chunk), out: compute, elements, label })] : [];
  });
  const chunkOf = new Map(chunks.map((chunk) => [chunk.master, chunk]));
  const own = computeWeights.map((one): ComputeWeight => {
    const { tensor, offset, elements } = one.master;
    return { ...one, master: slice(source(chunkOf.get(tensor)!), offset, elements) };
  });
  return [...copies, ...quantizeWeights(target, { ...tensors, computeWeights: own })];
}
