/** Kernels that store operands in narrow formats after multiplying them by a tensor scale, or by scales of columns. */

import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import {
  blockScalesOf,
  formatOf,
  type Operand,
  recordOf,
  scaleOf,
  type Tensor,
  tensorOf,
} from '../gpu/tensor.ts';
import { largestBits } from '../precision/quantization.ts';
import type { DelayedScaling } from '../precision/storage.ts';
import { columnAmax, columnPartials } from './columnAmax.ts';

/** Lanes of tensor_amax.wgsl and quantize.wgsl. */
const WIDTH = 256;
/** Enough workgroups to fill a GPU. Each ends with one atomic. */
const MAX_GROUPS = 512;
/** Vectors that a lane should process, so that the atomic costs little in comparison. */
const VECTORS_PER_LANE = 4;

/** Words of a record in `scales`, which is a TensorScale of shaders/lib/tensor_scale.wgsl. */
export const SCALE_WORDS = 4;

export interface QuantizeArgs {
  readonly label: string;
  readonly inp: Operand;
  /** An operand with a tensor scale. */
  readonly out: Operand;
  readonly amax: Tensor;
  readonly scales: Tensor;
  readonly elements: number;
}

/** out = inp in the format of out, with the scale that fits inp's largest magnitude. The entry of `out` in `amax` must be 0 before. */
export function quantizeCurrent(target: Target, args: QuantizeArgs): Dispatch[] {
  return [tensorAmax(target, args), quantize(target, args, true)];
}

/** Whether scales of rows or columns are in `out` already, which values are multiplied by beside its tensor scale. */
export function isSmoothed(out: Operand): boolean {
  return blockScalesOf(out)?.given === true;
}

/** Updates the entry of `out` in `amax` with inp's largest magnitude. */
export function tensorAmax(
  target: Target,
  { inp, out, amax, elements, label }: Omit<QuantizeArgs, 'scales'>,
): Dispatch {
  const smoothed = isSmoothed(out);
  const vectors = elements / 4;
  const groups = Math.min(MAX_GROUPS, Math.max(1, Math.ceil(vectors / (WIDTH * VECTORS_PER_LANE))));
  return dispatch(target, 'tensor_amax', {
    operands: { inp, out: smoothed ? out : undefined },
    tensors: { amax },
    writes: ['amax'],
    uniforms: { vectors, record: recordOf(out) },
    conditions: { smoothed },
    grid: [groups, 1, 1],
    label: `${label} amax`,
  });
}

/** out = inp in the format of out, with the scale that is in the table. inp's largest magnitude is collected for the next scale. */
export function quantizeDelayed(target: Target, args: QuantizeArgs): Dispatch[] {
  return [quantize(target, args, false)];
}

function quantize(target: Target, args: QuantizeArgs, current: boolean): Dispatch {
  const { inp, out, amax, scales, elements, label } = args;
  const vectors = elements / 4;
  return dispatch(target, 'quantize', {
    operands: { inp, out },
    tensors: { amax, scales },
    // Stores the scale of this tensor, or its largest magnitude for the next scale.
    writes: ['out', current ? 'scales' : 'amax'],
    uniforms: { vectors, record: recordOf(out) },
    conditions: { current, power: scaleOf(out)?.as !== 'f32', smoothed: isSmoothed(out) },
    grid: linearGrid(vectors, WIDTH),
    label,
  });
}

/** Elements of the scratch that {@link quantizeColumns} needs for `out`; 0 where its columns have no scales. */
export function columnScratch(out: Operand, elements: number): number {
  const columns = isSmoothed(out) ? undefined : blockScalesOf(out)?.columns;
  return columns === undefined ? 0 : columnPartials(elements / columns, columns);
}

/**
 * out = inp in the format of out, which has scales of columns: each column at the scale that its largest magnitude asks for.
 * @param args `partials`: ({@link columnScratch}) f32
 * @throws RangeError where out has none, or `elements` are no whole rows
 */
export function quantizeColumns(
  target: Target,
  args: Pick<QuantizeArgs, 'label' | 'inp' | 'out' | 'elements'> & { readonly partials: Tensor },
): Dispatch[] {
  const { inp, out, elements, label, partials } = args;
  const columns = blockScalesOf(out)?.columns ?? 0;
  const rows = elements / columns;
  if (!Number.isInteger(rows)) {
    throw new RangeError(`${tensorOf(out).name}: ${elements} elements are no whole rows of ${columns}`);
  }
  const { amax, reader } = columnAmax(target, { label, inp, partials, rows, columns });
  return [
    amax,
    dispatch(target, 'quantize_columns', {
      ...reader,
      operands: { inp, out },
      tensors: { partials },
      writes: ['out'],
      uniforms: { ...reader.uniforms, largest: largestBits(formatOf(out)) },
      label,
    }),
  ];
}

/** Computes the scales of the first `records` tensors for the next step. */
export function delayedScales(
  args: DelayedScaling & {
    readonly amax: Operand;
    /** (records, historyLength) u32 */
    readonly history: Operand;
    readonly scales: Operand;
    readonly state: Operand;
    readonly records: number;
  },
): Dispatch {
  const { amax, history, scales, state, records, historyLength, algorithm, margin } = args;
  return dispatch(null, 'delayed_scales', {
    tensors: { amax, history, scales, state },
    writes: ['history', 'scales'],
    uniforms: { records, length: historyLength, margin, mostRecent: algorithm === 'most_recent' ? 1 : 0 },
    grid: [Math.ceil(records / 64), 1, 1],
    label: 'scales of 8-bit tensors',
  });
}
