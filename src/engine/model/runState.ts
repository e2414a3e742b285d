/** What a run is made of between two steps: the tensors that a resumed run needs, under the names they have in files. */
import type { MemoryCategory } from '../core/memoryCategories.ts';
import {
  byteLength,
  bytesPerElement,
  type ElementType,
  slice,
  type Tensor,
  type TensorSlice,
} from '../gpu/tensor.ts';
import type { ParameterPart } from './chunks.ts';
import type { RunTensors } from './tensors.ts';

/** One tensor of a saved run. Its values lie in slices of the plan's tensors, one after the other. */
export interface StateEntry {
  /** GPT-2's name for a parameter; before it the prefix of the rule's state for one of its states, as `adam.m.`. */
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly slices: readonly TensorSlice[];
}

/** Every tensor of a run's state, in a fixed order. Compute weights follow from the master weights and are not among them. */
export function stateEntries({ parameters, planned, state, scales }: RunTensors): StateEntry[] {
  const byParameter = [...parameters.values()].flatMap(({ spec, rule, parts }) => {
    const { name, rows, columns } = spec;
    const entry = (prefix: string, sliceOf: (part: ParameterPart) => TensorSlice): StateEntry => {
      const slices = parts.map(sliceOf);
      return {
        name: `${prefix}${name}`,
        type: slices[0]!.tensor.type,
        shape: shapeOf(rows, columns),
        slices,
      };
    };
    return [
      entry('', (part) => part.master),
      ...(rule?.optimizer.states ?? []).map(({ name: state, filePrefix }) =>
        entry(filePrefix, (part) => part.states[state]!),
      ),
    ];
  });
  const covered = new Set(byParameter.flatMap(({ slices }) => slices.map(({ tensor }) => tensor)));
  const others = planned.filter(({ tensor, category }) => isKept(category) && !covered.has(tensor));
  return [
    ...byParameter,
    ...others.map(({ tensor }) => whole(tensor.name, tensor)),
    // Current scales follow from the tensors, delayed ones from steps that are over.
    ...(scales?.history
      ? [whole('tensor_scales', scales.scales), whole('amax_history', scales.history)]
      : []),
    whole('step_state', state),
  ];
}

/** What a step leaves behind for the next. The state's only tensor of that kind is the step's own. */
function isKept(category: MemoryCategory): boolean {
  return category === 'masterWeights' || category === 'optimizer';
}

/** The tensors that the entries lie in, each once: what a copy of the state is made of. */
export function stateTensors(entries: readonly StateEntry[]): Tensor[] {
  return [...new Set(entries.flatMap(({ slices }) => slices.map(({ tensor }) => tensor)))];
}

/** Bytes of a copy of the run's state on the GPU. */
export function stagingBytes(tensors: RunTensors): number {
  return stateTensors(stateEntries(tensors)).reduce((sum, tensor) => sum + byteLength(tensor), 0);
}

/** Bytes of the entry's values. */
export function entryBytes({ slices, type }: StateEntry): number {
  return slices.reduce((sum, { elements }) => sum + elements * bytesPerElement(type), 0);
}

/** Vectors have one row in the plan and one dimension in files. */
function shapeOf(rows: number, columns: number): number[] {
  return rows === 1 ? [columns] : [rows, columns];
}

function whole(name: string, tensor: Tensor): StateEntry {
  return { name, type: tensor.type, shape: [tensor.elements], slices: [slice(tensor, 0, tensor.elements)] };
}
