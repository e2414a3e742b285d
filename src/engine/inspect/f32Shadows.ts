/**
 * f32 shadows: kernels that narrow their results as they store them run a second time and store f32, so that the two can
 * be compared. The f32 values are not kept anywhere else.
 */

import { keyValueHeads } from '../config/gptConfig.ts';
import type { Dispatch, Operation, Target } from '../gpu/operation.ts';
import { formatOf, type Operand, slice, type Tensor, type TensorSlice } from '../gpu/tensor.ts';
import { activationForward } from '../kernels/activation.ts';
import { quantizationNoise } from '../kernels/numerics.ts';
import { layernormRecompute } from '../kernels/rows.ts';
import type { Emitted, Stored } from '../model/emission.ts';
import { type NoiseRow, narrowedStores } from '../model/numericsRows.ts';
import type { RunTensors } from '../model/tensors.ts';

/** The tensors that shadows write; the run does not use them. Shadows run one after the other and share one of each. */
interface Scratch {
  /** The f32 results, as large as the largest narrowed tensor. */
  readonly wide: Tensor;
  /** The kernel's secondary output, such as the log-sum-exp of attention: one or two numbers for each row and head. */
  readonly aside: Tensor;
  readonly found: Tensor;
}

export interface ShadowDispatches {
  /** Dispatches that must run right after an operation, before the buffers of its inputs are reused. */
  readonly after: ReadonlyMap<Operation, readonly Dispatch[]>;
  /** Tensors to allocate before they run; empty when nothing is narrowed. */
  readonly scratch: readonly Tensor[];
}

/** @param partsFor returns where the noise of a row is written */
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
    aside: { name: 'stores beside them', type: 'f32', elements: rows * (gpt.heads + keyValueHeads(gpt)) },
    found: { name: 'overflow among them', type: 'u32', elements: 4 },
  };
  const after = new Map<Operation, readonly Dispatch[]>();
  for (const stored of stores) {
    const { name: label, kind, operand: out, slot } = stored;
    const filledBy = dispatchesOf(stored, microBatch);
    const wide = slice(scratch.wide, 0, out.elements);
    // A tensor that is rounded from an f32 tensor needs no shadow: its source still exists.
    const source = slot === 'rounded' ? filledBy[0]!.bindings.dinp : undefined;
    const last = filledBy.at(-1)!;
    after.set(last, [
      ...(after.get(last) ?? []),
      ...(source ? [] : filledBy.map((dispatch) => shadowOf(target, dispatch, stored, wide, scratch))),
      ...quantizationNoise(target, {
        ...{ inp: source ?? wide, out, elements: out.elements, label },
        parts: partsFor({ name: label, kind, format: formatOf(out), elements: out.elements }),
      }),
    ]);
  }
  return { after, scratch: Object.values(scratch) };
}

/** The dispatches that fill a stored tensor: one, or several that each fill a part. */
function dispatchesOf(stored: Stored, microBatch: readonly Emitted[]): Dispatch[] {
  const { operations } = microBatch.find(({ stores }) => stores.includes(stored))!;
  return operations.filter(
    (operation): operation is Dispatch => operation.kind === 'dispatch' && stored.slot in operation.bindings,
  );
}

/**
 * Secondary outputs of kernels. A shadow may be compiled so that it gives different bits for them, so it must not
 * overwrite the run's.
 */
const STORED_BESIDE: Readonly<Record<string, string>> = {
  attention_forward: 'lse',
  attention_uniform_forward: 'lse',
  attention_backward_query: 'dots',
  query_key_forward: 'stats',
  cross_entropy: 'losses',
};

/** Returns `dispatch` changed so that it stores the f32 values of `slot` in `wide` and writes no tensor of the run. */
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
  // Without the fused activation function the kernel's output is the pre-activation.
  const { preActivation: format, ...slots } = dispatch.variant.slots;
  const kept = conditions.activation ? undefined : preActivation;
  const to = slot === 'preActivation' ? 'out' : slot;
  const secondary = STORED_BESIDE[kernel];
  const beside = secondary !== undefined && dispatch.writes.includes(secondary) ? secondary : undefined;
  const shadowBindings: Dispatch['bindings'] = {
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
    bindings: shadowBindings,
    writes: dispatch.writes.filter((name) => name in shadowBindings),
    label,
    observes: true,
  };
}
