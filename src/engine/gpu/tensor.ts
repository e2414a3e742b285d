import { type FormatId, formatInfo, type NumberFormat } from '../precision/formats.ts';

/** Number formats, and u32 for indices and counters. */
export type ElementType = FormatId | 'u32';

/** A tensor of the plan: one GPU buffer of the same name once allocated. */
export interface Tensor {
  readonly name: string;
  readonly type: ElementType;
  readonly elements: number;
}

/** Where the scale of an operand lies: a record of the table that holds those of a run. */
export interface Scale {
  readonly tensor: Tensor;
  readonly record: number;
}

/** Part of a tensor, as a kernel binds it. Offsets are in elements and land on 256-byte boundaries. */
export interface TensorSlice {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly elements: number;
  /** The scale that values were multiplied by before they were stored; absent where they are as they are. */
  readonly scale?: Scale;
  /** Inverse scales of groups of 16 elements, counted from the tensor's first; see shaders/lib/group_scale.wgsl. */
  readonly groups?: Tensor;
}

export type Operand = Tensor | TensorSlice;

export function bytesPerElement(type: ElementType): NumberFormat['bytes'] {
  return type === 'u32' ? 4 : formatInfo(type).bytes;
}

/** Bytes of the buffer that holds `tensor`: at least 16, a multiple of 4 as WebGPU's copies need. */
export function byteLength(tensor: Tensor): number {
  return Math.max(16, Math.ceil((tensor.elements * bytesPerElement(tensor.type)) / 4) * 4);
}

export function slice(tensor: Tensor, offset: number, elements: number): TensorSlice {
  return { tensor, offset, elements };
}

/** Part of an operand, with the operand's scale. `offset` is counted from where the operand begins. */
export function sliceOf(operand: Operand, offset: number, elements: number): TensorSlice {
  if (!('tensor' in operand)) return slice(operand, offset, elements);
  return { ...operand, offset: operand.offset + offset, elements };
}

/** The record of an operand's scale among those of the run; the first of all is 1, for operands without a scale. */
export function recordOf(operand: Operand): number {
  return scaleOf(operand)?.record ?? 0;
}

export function scaleOf(operand: Operand): Scale | undefined {
  return 'tensor' in operand ? operand.scale : undefined;
}

/** Stored with a scale, of its own or of groups of elements: quantised from another tensor. */
export function isScaled(operand: Operand): boolean {
  return scaleOf(operand) !== undefined || groupsOf(operand) !== undefined;
}

export function groupsOf(operand: Operand): Tensor | undefined {
  return 'tensor' in operand ? operand.groups : undefined;
}

export function tensorOf(operand: Operand): Tensor {
  return 'tensor' in operand ? operand.tensor : operand;
}

/** The number format of an operand. Kernels bind slots only to numbers, never to indices. */
export function formatOf(operand: Operand): FormatId {
  const { type, name } = tensorOf(operand);
  if (type === 'u32') throw new TypeError(`${name} holds indices, not numbers`);
  return type;
}
