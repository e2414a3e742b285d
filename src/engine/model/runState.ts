/** The state of a run between two steps: the tensors that a resumed run needs, under their names in files. */
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

/** One tensor of a saved run. Its values are the concatenation of slices of the plan's tensors. */
export interface StateEntry {
  /** A parameter's name in GPT-2 checkpoints, after a prefix such as `adam.m.` for an optimizer state; or the name of another tensor. */
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly slices: readonly TensorSlice[];
  /** Whether a file may lack it, as it does if the setting that needs it was given on resuming. It is zero then. */
  readonly optional?: boolean;
}

/** Before a parameter's name in files: its averaged weights. */
export const AVERAGE_PREFIX = 'ema.';
/** Before a parameter's name in files: its weights at the lowest validation loss. */
export const BEST_PREFIX = 'best.';
/** The name in files of what is known of the lowest validation loss. */
export const BEST_STATE = 'best_state';

/** Every tensor of a run's state, in a fixed order. Compute weights are left out, because they follow from the master weights. */
export function stateEntries({ parameters, planned, state, bestState, scales }: RunTensors): StateEntry[] {
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
      ...(parts[0]!.average ? [entry(AVERAGE_PREFIX, (part) => part.average!)] : []),
      ...(parts[0]!.best ? [entry(BEST_PREFIX, (part) => part.best!)] : []),
    ];
  });
  const covered = new Set(byParameter.flatMap(({ slices }) => slices.map(({ tensor }) => tensor)));
  const others = planned.filter(({ tensor, category }) => isKept(category) && !covered.has(tensor));
  return [
    ...byParameter,
    ...others.map(({ tensor }) => whole(tensor.name, tensor)),
    // Current scales follow from the tensors; delayed scales depend on earlier steps and must be saved.
    ...(scales?.history
      ? [whole('tensor_scales', scales.scales), whole('amax_history', scales.history)]
      : []),
    ...(bestState ? [{ ...whole(BEST_STATE, bestState), optional: true }] : []),
    whole('step_state', state),
  ];
}

/** Names of the parameters that the run does not train, in checkpoint order. */
export function frozenNames({ parameters }: Pick<RunTensors, 'parameters'>): string[] {
  return [...parameters.values()].flatMap(({ spec, rule }) => (rule ? [] : spec.name));
}

/** Whether tensors of the category hold values that the next step needs. Of category `state`, only the step state does. */
function isKept(category: MemoryCategory): boolean {
  return category === 'masterWeights' || category === 'optimizer';
}

/** The distinct tensors that hold the entries. A snapshot copies all of them. */
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
