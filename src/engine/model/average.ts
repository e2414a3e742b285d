/** The averaged weights of a run: how they follow the weights, and how passes read them in place of the weights. */
import type { Operation, Target } from '../gpu/operation.ts';
import { slice, type TensorSlice } from '../gpu/tensor.ts';
import { convertFormat, weightAverage } from '../kernels/optimizer.ts';
import type { Chunk, ComputeWeight, Parameter } from './chunks.ts';
import { quantizeWeights } from './quantize.ts';
import type { RunTensors } from './tensors.ts';

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

/** The parameters of a run whose passes read averages. Frozen ones keep their values, which are their own average. */
export function averagedParameters({
  parameters,
}: Pick<RunTensors, 'parameters'>): ReadonlyMap<string, Parameter> {
  return new Map(
    [...parameters].map(([name, parameter]) => {
      const parts = parameter.parts.map((part) => {
        const { average, master } = part;
        if (!average) return part;
        const own = (weight: TensorSlice) => (weight.tensor === master.tensor ? average : weight);
        return {
          ...part,
          master: average,
          weight: own(part.weight),
          backwardWeight: own(part.backwardWeight),
        };
      });
      return [name, { ...parameter, parts }];
    }),
  );
}

/** Makes the copies that matmuls read, in modes that have some: from the weights, or from their averages. */
export function weightCopies(target: Target, tensors: Copied, from: 'master' | 'average'): Operation[] {
  const { chunks, computeWeights } = tensors;
  const source = (chunk: Chunk) => (from === 'average' ? (chunk.average ?? chunk.master) : chunk.master);
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
