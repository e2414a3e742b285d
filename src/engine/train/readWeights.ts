/** Reads parameters from the GPU at full precision. */
import { decodeFloats } from '../checkpoint/dtypes.ts';
import type { CardFacts } from '../checkpoint/modelCard.ts';
import { formatOf, type Tensor } from '../gpu/tensor.ts';
import type { Chunk } from '../model/chunks.ts';
import { keepsNone, keptWeights, type WeightsOfRun } from '../model/keptWeights.ts';
import { formatInfo } from '../precision/formats.ts';
import type { Trainer } from './trainer.ts';

/**
 * Reads the master weights by name, (rows * columns) f32 each, including padding rows. The two halves of a split master
 * are added. One CPU-GPU sync for each chunk of parameters.
 * @param which `average` and `best` read what a run with `emaDecay` or `keepBest` keeps; frozen parameters are their own
 * @throws RangeError for weights that the run does not keep, and for the best before one was found
 */
export async function readParameters(
  trainer: Trainer,
  which: WeightsOfRun = 'master',
): Promise<Map<string, Float32Array>> {
  if (which !== 'master' && !keptWeights(trainer.config).includes(which))
    throw new RangeError(keepsNone(which));
  if (which === 'best' && !trainer.best.lowest)
    throw new RangeError('No evaluation of the run was finite yet, so it has no best weights');
  const { chunks, parameters } = trainer.plan.tensors;
  const values = new Map<string, Float32Array>();
  for (const [name, { spec }] of parameters) values.set(name, new Float32Array(spec.rows * spec.columns));
  for (const chunk of chunks) {
    const { master } = chunk;
    const read = chunk[which] ?? master;
    const numbers = decode(read, new Uint8Array(await trainer.read(read)));
    const low = lowOf(chunk, read);
    if (low) addLow(numbers, new Int16Array(await trainer.read(low)));
    for (const [name, { spec, parts }] of parameters) {
      for (const part of parts) {
        if (part.master.tensor !== master) continue;
        const { offset, elements } = part.master;
        values.get(name)!.set(numbers.subarray(offset, offset + elements), part.firstRow * spec.columns);
      }
    }
  }
  return values;
}

/**
 * What a model card says about a run.
 * @param valLoss of these weights, in nats; null when it was not measured
 * @param weights which of the run's
 */
export function cardFacts(
  trainer: Trainer,
  valLoss: number | null,
  weights: WeightsOfRun = 'master',
): CardFacts {
  const { config, dataset, report, submittedSteps: steps, firstLoss, lastLoss } = trainer;
  const best = trainer.best.lowest;
  return {
    ...{ config, text: dataset.name, adapter: report.name, steps, firstLoss, lastLoss, valLoss, weights },
    ...(best && { best }),
  };
}

/** The lower halves of weights that are split. Averages have none. */
function lowOf({ master, low, best, bestLow }: Chunk, read: Tensor): Tensor | undefined {
  return read === master ? low : read === best ? bestLow : undefined;
}

function decode(tensor: Tensor, bytes: Uint8Array): Float32Array {
  const format = formatOf(tensor);
  const width = formatInfo(format).bytes;
  if (width === 1) throw new RangeError(`Master weights are not kept in ${format}`);
  const values = new Float32Array(tensor.elements);
  const dtype = width === 4 ? 'F32' : format === 'bf16' ? 'BF16' : 'F16';
  decodeFloats(dtype, bytes.subarray(0, tensor.elements * width), values);
  return values;
}

/** Adds the signed remainders of a split master (`shaders/lib/split.wgsl`) to the bits of its upper halves. */
function addLow(values: Float32Array, low: Int16Array): void {
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < words.length; i++) words[i]! += low[i]!;
}
