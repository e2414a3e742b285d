/** Stores of a micro-batch once more, in f32: what kernels that narrow as they store leave nowhere. */

import type { Dispatch, Operation, Target } from '../gpu/operation.ts';
import { formatOf, type Operand, slice, type Tensor, type TensorSlice } from '../gpu/tensor.ts';
import { activationForward } from '../kernels/activation.ts';
import { quantizationNoise } from '../kernels/numerics.ts';
import { layernormRecompute } from '../kernels/rows.ts';
import type { Emitted, Stored } from '../model/emission.ts';
import { type NoiseRow, narrowedStores } from '../model/numericsRows.ts';
import type { RunTensors } from '../model/tensors.ts';

/** What shadows write: nothing of the run is among it. They run one after the other, so that one of each is enough. */
interface Scratch {
  /** As large as the largest of the stored tensors. */
  readonly wide: Tensor;
  /** What a kernel stores beside its output, a number or two a row and head. */
  readonly aside: Tensor;
  readonly found: Tensor;
}

export interface ShadowDispatches {
  /** To be run right after an operation, before another tensor takes the place of what it read. */
  readonly after: ReadonlyMap<Operation, readonly Dispatch[]>;
  /** To be allocated before they run; empty where nothing is narrowed. */
  readonly scratch: readonly Tensor[];
}

/** @param partsFor where the noise of a row is written */
export function buildShadows(
  target: Target,
  { gpt, rows, training }: RunTensors,
  microBatch: readonly Emitted[],
  partsFor: (row: NoiseRow) => TensorSlice,
): ShadowDispatches {
  const stores = narrowedStores(training.stores);
  if (stores.length === 0) return { after: new Map(), scratch: [] };
  const largest = Math.max(...stores.map(({ operand }) => operand.elements));
  const scratch: Scratch = {
    wide: { name: 'stores in f32', type: 'f32', elements: largest },
    aside: { name: 'stores beside them', type: 'f32', elements: rows * gpt.heads },
    found: { name: 'overflow among them', type: 'u32', elements: 4 },
  };
  const after = new Map<Operation, readonly Dispatch[]>();
  for (const stored of stores) {
    const { name: label, kind, operand: out, slot } = stored;
    const filledBy = dispatchesOf(stored, microBatch);
    const wide = slice(scratch.wide, 0, out.elements);
    // Rounded from an f32 tensor that is still there.
    const source = slot === 'rounded' ? filledBy[0]!.bindings.dinp : undefined;
    const last = filledBy.at(-1)!;
    after.set(last, [
      ...(after.get(last) ?? []),
      ...(source ? [] : filledBy.map((dispatch) => shadowOf(target, dispatch, stored, wide, scratch))),
      ...quantizationNoise(target, {
        ...{ inp: source ?? wide, out, elements: out.elements, label },
        parts: partsFor({ name: label, kind, format: formatOf(out) }),
      }),
    ]);
  }
  return { after, scratch: Object.values(scratch) };
}

/** One dispatch, or several in a row that each fill their part. */
function dispatchesOf(stored: Stored, microBatch: readonly Emitted[]): Dispatch[] {
  const { operations } = microBatch.find(({ stores }) => stores.includes(stored))!;
  return operations.filter(
    (operation): operation is Dispatch => operation.kind === 'dispatch' && stored.slot in operation.bindings,
  );
}

/** What a kernel stores beside its output. A shadow may be compiled to other bits of it, and so stores it elsewhere. */
const STORED_BESIDE: Readonly<Record<string, string>> = {
  attention_forward: 'lse',
  attention_backward_query: 'dots',
  cross_entropy: 'losses',
};

/** `dispatch` with f32 results in `wide` for what it stores in `slot`, and nothing else of the run written. */
function shadowOf(
  target: Target,
  dispatch: Dispatch,
  { slot, name }: Stored,
  wide: TensorSlice,
  { aside, found }: Scratch,
): Dispatch {
  const { kernel, conditions, functions } = dispatch.variant;
  const label = `${name} in f32`;
  const { preActivation, ...bindings } = dispatch.bindings;
  if (kernel === 'layernorm_forward') {
    const { inp, weight, bias, stats } = bindings as Record<'inp' | 'weight' | 'stats', Operand> &
      Partial<Record<'bias', Operand>>;
    const width = weight.elements;
    const args = { inp, weight, bias, stats, out: wide, rows: wide.elements / width, width, label };
    return { ...layernormRecompute(target, args), observes: true };
  }
  if (conditions.activation && slot === 'out') {
    const kind = functions!.activation!;
    const args = { kind, preActivation: preActivation!, out: wide, elements: wide.elements, label };
    return { ...activationForward(target, args), observes: true };
  }
  // A fused activation function left out, what remains is its input.
  const { preActivation: format, ...slots } = dispatch.variant.slots;
  const kept = conditions.activation ? undefined : preActivation;
  const to = slot === 'preActivation' ? 'out' : slot;
  const beside = STORED_BESIDE[kernel];
  const twinBindings: Dispatch['bindings'] = {
    ...bindings,
    ...(kept && { preActivation: kept }),
    ...(beside && { [beside]: aside }),
    [to]: wide,
    found,
  };
  return {
    ...dispatch,
    variant: {
      ...dispatch.variant,
      functions: conditions.activation ? {} : (functions ?? {}),
      slots: { ...slots, ...(kept && { preActivation: format! }), [to]: 'f32' },
      conditions: conditions.activation ? { ...conditions, activation: false } : conditions,
    },
    bindings: twinBindings,
    writes: dispatch.writes.filter((name) => name in twinBindings),
    label,
    observes: true,
  };
}
