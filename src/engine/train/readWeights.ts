/** Reads parameters from the GPU at full precision. */
import { decodeFloats } from '../checkpoint/dtypes.ts';
import type { CardFacts } from '../checkpoint/modelCard.ts';
import { formatOf, type Tensor } from '../gpu/tensor.ts';
import { formatInfo } from '../precision/formats.ts';
import type { Trainer } from './trainer.ts';

/**
 * Reads the master weights by name, (rows * columns) f32 each, including padding rows. The two halves of a split master
 * are added. One CPU-GPU sync for each chunk of parameters.
 * @param which `average` reads the averaged weights of a run with `emaDecay`; frozen parameters are their own average
 * @throws RangeError for averages of a run that keeps none
 */
export async function readParameters(
  trainer: Trainer,
  which: 'master' | 'average' = 'master',
): Promise<Map<string, Float32Array>> {
  const averaged = which === 'average';
  if (averaged && trainer.config.emaDecay === 0)
    throw new RangeError('The run keeps no average of its weights');
  const { chunks, parameters } = trainer.plan.tensors;
  const values = new Map<string, Float32Array>();
  for (const [name, { spec }] of parameters) values.set(name, new Float32Array(spec.rows * spec.columns));
  for (const { master, low, average } of chunks) {
    const read = (averaged && average) || master;
    const numbers = decode(read, new Uint8Array(await trainer.read(read)));
    if (low && read === master) addLow(numbers, new Int16Array(await trainer.read(low)));
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

/** What a model card says about a run. @param valLoss in nats; null when it was not measured */
export function cardFacts(trainer: Trainer, valLoss: number | null): CardFacts {
  const { config, dataset, report, submittedSteps: steps, firstLoss, lastLoss } = trainer;
  return { config, text: dataset.name, adapter: report.name, steps, firstLoss, lastLoss, valLoss };
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
