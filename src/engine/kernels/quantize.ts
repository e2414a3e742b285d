/** Kernels of 8-bit operands with a scale of their tensor. */

import { type Dispatch, groupedBy, linearGrid, slotsOf, type Target, u32 } from '../gpu/operation.ts';
import { formatOf, type Operand, recordOf, type Tensor } from '../gpu/tensor.ts';
import { largestBits, type TensorScaling } from '../precision/quantization.ts';

/** Lanes of tensor_amax.wgsl and quantize.wgsl. */
const WIDTH = 256;
/** Lanes of quantize_groups.wgsl. */
const GROUPS_WIDTH = 64;
/** Enough to fill a GPU; each workgroup ends with one atomic. */
const MAX_GROUPS = 512;
/** Vectors a lane should see before its workgroup pays for that. */
const VECTORS_PER_LANE = 4;

/** Words of a record of `scales`: TensorScale of shaders/lib/tensor_scale.wgsl. */
export const SCALE_WORDS = 4;

interface QuantizeArgs {
  readonly label: string;
  readonly inp: Operand;
  /** Has a scale. */
  readonly out: Operand;
  readonly amax: Tensor;
  readonly scales: Tensor;
  readonly elements: number;
}

/** out = inp in the format of out, at the scale that inp's largest magnitude asks for; `amax` has 0 for it before. */
export function quantizeCurrent(target: Target, args: QuantizeArgs): Dispatch[] {
  const { inp, out, amax, elements, label } = args;
  const groups = Math.min(MAX_GROUPS, Math.max(1, Math.ceil(elements / 4 / (WIDTH * VECTORS_PER_LANE))));
  return [
    {
      kind: 'dispatch',
      variant: { kernel: 'tensor_amax', slots: slotsOf(target, { inp }), conditions: {}, constants: {} },
      bindings: { inp, amax },
      params: [u32(elements / 4), u32(recordOf(out))],
      grid: [groups, 1, 1],
      label: `${label} amax`,
    },
    quantize(target, args, true),
  ];
}

/** out = inp in the format of out, at the scale in place; inp's largest magnitude is collected for the next one. */
export function quantizeDelayed(target: Target, args: QuantizeArgs): Dispatch[] {
  return [quantize(target, args, false)];
}

function quantize(target: Target, args: QuantizeArgs, current: boolean): Dispatch {
  const { inp, out, amax, scales, elements, label } = args;
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'quantize',
      slots: slotsOf(target, { inp, out }),
      conditions: { current },
      constants: {},
    },
    bindings: { inp, out, amax, scales },
    params: [u32(elements / 4), u32(recordOf(out))],
    grid: linearGrid(elements / 4, WIDTH),
    label,
  };
}

/** out = inp in the format of out, which has groups: each 16 elements at the scale that their largest magnitude asks for. */
export function quantizeGroups(
  target: Target,
  args: { label: string; inp: Operand; out: Operand; elements: number },
): Dispatch {
  const { inp, out, elements, label } = args;
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'quantize_groups',
      slots: slotsOf(target, { inp, out }),
      conditions: {},
      constants: {},
    },
    bindings: { inp, out, ...groupedBy(out).bindings },
    params: [u32(elements / 4), u32(largestBits(formatOf(out)))],
    grid: linearGrid(elements / 4, GROUPS_WIDTH),
    label,
  };
}

/** The scales of the first `records` tensors for the step that follows. */
export function delayedScales(
  args: Omit<Extract<TensorScaling, { kind: 'delayed' }>, 'kind'> & {
    readonly amax: Operand;
    /** (records, historyLength) u32 */
    readonly history: Operand;
    readonly scales: Operand;
    readonly state: Operand;
    readonly records: number;
  },
): Dispatch {
  const { amax, history, scales, state, records, historyLength, algorithm, margin } = args;
  return {
    kind: 'dispatch',
    variant: { kernel: 'delayed_scales', slots: {}, conditions: {}, constants: {} },
    bindings: { amax, history, scales, state },
    params: [u32(records), u32(historyLength), u32(margin), u32(algorithm === 'most_recent' ? 1 : 0)],
    grid: [Math.ceil(records / 64), 1, 1],
    label: 'scales of 8-bit tensors',
  };
}
