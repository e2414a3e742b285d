/** The root mean square of each parameter's update, as telemetry. */
import type { Operation } from '../gpu/operation.ts';
import { slice, type Tensor } from '../gpu/tensor.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import { longRunWords, updateWords } from '../model/numericsRows.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import type { RunTensors } from '../model/tensors.ts';
import { rmsTensors } from '../model/updates.ts';
import type { UpdateNumbers } from './frame.ts';
import { numbersFrom, UPDATE_NUMBERS } from './tensorNumbers.ts';

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

export function updateRmsOf({
  updates,
  scratch,
  parameters,
}: Pick<RunTensors, 'updates' | 'scratch' | 'parameters'>): RmsPlaces {
  const places = updates.flatMap(({ label: name, rule, scratch: own }) => {
    const { rms } = rule.optimizer;
    const at = rms && own.get(rms.scratch);
    const parameter = parameters.get(name);
    if (!rms || !at || !parameter) return [];
    const tensor = scratch.get(rms.scratch)!;
    const index = at.first / at.elements;
    return [{ name, tensor, word: index * rms.record + rms.word, first: isFirst(parameter.spec) }];
  });
  return {
    tensors: rmsTensors(updates, scratch),
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

export interface UpdateSchedule {
  /** Run after the optimizer. */
  readonly operations: readonly Operation[];
  /** @param words of the histogram tensor, after a step that was applied. @returns null in runs that measure nothing of updates */
  read(words: Uint32Array<ArrayBuffer>): readonly UpdateNumbers[] | null;
}

/** Copies what the optimizer measured of its updates to the histogram tensor. */
export function buildUpdates(tensors: RunTensors): UpdateSchedule {
  const { histogram, parameters, chunks } = tensors;
  const places = updateRmsOf(tensors);
  const behind = longRunWords(parameters, chunks) + STEP_STATE_WORDS;
  let at = histogram.elements - behind - updateWords(places.tensors);
  const starts = new Map<Tensor, number>();
  for (const tensor of places.tensors) {
    starts.set(tensor, at);
    at += tensor.elements;
  }
  return {
    operations: [...starts].map(([from, first]) => ({
      ...{ kind: 'copy', from, to: slice(histogram, first, from.elements) },
    })),
    read: (words) => {
      if (starts.size === 0) return null;
      const numbers = new Float32Array(words.buffer, words.byteOffset, words.length);
      const { byTensor } = places.read((tensor) => numbers.subarray(starts.get(tensor)));
      return Object.entries(byTensor).map(([name, rms]) => ({
        name,
        ...numbersFrom(UPDATE_NUMBERS, { rms }),
      }));
    },
  };
}
