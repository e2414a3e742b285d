/** Plans the optimizer's updates. Each covers a chunk, or all parts of a parameter with the scratch that its rule asks for. */
import { slice, type Tensor } from '../gpu/tensor.ts';
import type { ScratchSpec, Update } from '../kernels/optimizers/rule.ts';
import { mapStates, type ParameterLayout, paddedElements, type UpdateRule } from './chunks.ts';
import { learnedElements } from './parameters.ts';
import type { TensorPlan } from './tensorPlan.ts';

/** A range of a chunk, in elements. */
interface PlacedPart {
  readonly chunk: number;
  readonly first: number;
  readonly elements: number;
  readonly decayedElements: number;
}

export interface PlannedUpdate extends Pick<Update, 'label' | 'learned' | 'shape'> {
  readonly rule: UpdateRule;
  readonly parts: readonly PlacedPart[];
  /** By name; `first` is the element of the tensor of that name where this update's scratch begins. */
  readonly scratch: ReadonlyMap<string, ScratchSpec & { readonly first: number }>;
}

/** Plans all updates of a step, in their order. Frozen parameters have none. */
export function planUpdates({ chunks, parameters }: ParameterLayout): PlannedUpdate[] {
  const takesWhole = ({ optimizer, moments, apart }: UpdateRule) =>
    apart || optimizer.takesWholeParameters(moments);
  const ofChunks = chunks.flatMap(({ rule, master, elements, decayedElements }, chunk): PlannedUpdate[] => {
    if (!rule || takesWhole(rule)) return [];
    const part = { chunk, first: 0, elements, decayedElements };
    const whole = { label: master.name, learned: elements, shape: null };
    return [{ rule, ...whole, parts: [part], scratch: new Map() }];
  });
  const filled = new Map<string, number>();
  const ofParameters = [...parameters.values()].flatMap(({ spec, rule, parts }): PlannedUpdate[] => {
    if (!rule || !takesWhole(rule)) return [];
    const places = parts.map((part): PlacedPart => {
      const elements = paddedElements(part);
      const decayedElements = spec.decays ? elements : 0;
      return { chunk: part.chunk, first: part.master.offset, elements, decayedElements };
    });
    const { rows, columns, sideBySide } = spec;
    const shape = { rows, columns, sideBySide };
    const scratch = rule.optimizer.scratch(places, shape).map((one) => {
      if (one.shared) return [one.name, { ...one, first: 0 }] as const;
      const first = filled.get(one.name) ?? 0;
      filled.set(one.name, first + one.elements);
      return [one.name, { ...one, first }] as const;
    });
    const learned = learnedElements(spec);
    return [{ rule, label: spec.name, learned, shape, parts: places, scratch: new Map(scratch) }];
  });
  return [...ofChunks, ...ofParameters];
}

/** Plans the scratch tensors of all updates, by name. */
export function planScratch(
  plan: TensorPlan,
  updates: readonly PlannedUpdate[],
): ReadonlyMap<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const { scratch } of updates) {
    for (const { name, category, first, elements } of scratch.values()) {
      tensors.set(name, plan.add(category, name, 'f32', first + elements));
    }
  }
  return tensors;
}

/** The tensors in which updates leave root mean squares, if their rules measure some. */
export function rmsTensors(
  updates: readonly PlannedUpdate[],
  scratch: ReadonlyMap<string, Tensor>,
): readonly Tensor[] {
  const names = updates.flatMap(({ rule, scratch: own }) => {
    const { rms } = rule.optimizer;
    return rms && own.has(rms.scratch) ? [rms.scratch] : [];
  });
  return [...new Set(names)].map((name) => scratch.get(name)!);
}

/** Binds an update to its operands. @param seedOf returns the seed of a chunk's random bits */
export function placedUpdate(
  { label, learned, shape, parts, scratch }: PlannedUpdate,
  chunks: ParameterLayout['chunks'],
  tensors: ReadonlyMap<string, Tensor>,
  seedOf: (chunk: number) => number,
): Update {
  return {
    ...{ label, learned, shape },
    parts: parts.map(({ chunk: index, first, elements, decayedElements }) => {
      const chunk = chunks[index]!;
      const part = (tensor: Tensor) => slice(tensor, first, elements);
      return {
        gradient: part(chunk.gradient!),
        master: part(chunk.master),
        states: mapStates(chunk.states, part),
        compute: chunk.compute && part(chunk.compute),
        low: chunk.low && slice(chunk.low, first / 2, elements / 2),
        compensation: chunk.compensation && part(chunk.compensation),
        fixed: chunk.fixed,
        groups: chunk.groups,
        seed: seedOf(index),
        ...{ first, elements, decayedElements },
      };
    }),
    scratch: new Map([...scratch].map(([name, { first }]) => [name, { tensor: tensors.get(name)!, first }])),
  };
}
