/** The root mean square of each parameter's update, as telemetry. */
import type { Tensor } from '../gpu/tensor.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import type { RunTensors } from '../model/tensors.ts';

/** sqrt(mean(g^2 / max(v, epsilon^2))) with the bias-corrected v of AdamW, by parameter. About 1 in a steady run. */
export interface UpdateRms {
  /** By name, of the parameters that have a second moment. */
  readonly byTensor: Readonly<Record<string, number>>;
  /** The largest of the embeddings and the first block, in which spikes of the loss show first; null if none has one. */
  readonly first: { readonly name: string; readonly rms: number } | null;
}

/** Where the numbers of a run lie. */
interface RmsPlaces {
  /** The tensors to read. */
  readonly tensors: readonly Tensor[];
  /** @param numbersOf returns the numbers of one of the tensors */
  read(numbersOf: (tensor: Tensor) => Float32Array): UpdateRms;
}

/** Whether the parameter reads or follows the tokens directly: an embedding, or a part of the first block. */
function isFirst({ block, name, rowsOf }: Pick<ParameterSpec, 'block' | 'name' | 'rowsOf'>): boolean {
  return block === 0 || (block === null && (rowsOf === 'positions' || name === 'wte.weight'));
}

export function updateRmsOf({ updates, scratch, parameters }: RunTensors): RmsPlaces {
  const tensors: Tensor[] = [];
  const places = updates.flatMap(({ label: name, rule, scratch: own }) => {
    const { rms } = rule.optimizer;
    const at = rms && own.get(rms.scratch);
    const parameter = parameters.get(name);
    if (!rms || !at || !parameter) return [];
    const tensor = scratch.get(rms.scratch)!;
    if (!tensors.includes(tensor)) tensors.push(tensor);
    const index = at.first / at.elements;
    return [{ name, tensor, word: index * rms.record + rms.word, first: isFirst(parameter.spec) }];
  });
  return {
    tensors,
    read: (numbersOf) => {
      const byTensor: Record<string, number> = {};
      let first: UpdateRms['first'] = null;
      for (const { name, tensor, word, first: isFirst } of places) {
        const rms = numbersOf(tensor)[word]!;
        byTensor[name] = rms;
        if (isFirst && rms > (first?.rms ?? Number.NEGATIVE_INFINITY)) first = { name, rms };
      }
      return { byTensor, first };
    },
  };
}
