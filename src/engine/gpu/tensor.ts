import { type FormatId, formatInfo, type NumberFormat } from '../precision/formats.ts';
import type { LevelRole } from '../precision/levels.ts';
import type { BlockScale, ScaleKind } from '../precision/storage.ts';

/** Element types of tensors: number formats, and u32 for indices and counters. */
export type ElementType = FormatId | 'u32';

/** A tensor of the plan. Once allocated, it is one GPU buffer of the same name. */
export interface Tensor {
  readonly name: string;
  readonly type: ElementType;
  readonly elements: number;
  readonly blockScales?: BlockScales | undefined;
}

/**
 * Scales of blocks of a tensor, which are consecutive elements (a multiple of 4; the width of a row where each row has a
 * scale), of its columns, or of its tiles, row by row of them: what their elements were multiplied by before they were stored. They lie behind the elements of
 * each part, at a 256-byte boundary, so that a kernel binds both at once; see shaders/slots/.
 */
export type BlockScales = BlockScale & {
  /** Elements of each part that is bound by itself, whole blocks; the last may have fewer. Absent where only the whole is bound. */
  readonly part?: number | undefined;
  /** A kernel of its own stores them, and quantise kernels multiply by them and the tensor's scale. */
  readonly given?: true | undefined;
};

/** Reference to the tensor scale of an operand: a record in the table of a run's scales. */
export interface Scale {
  readonly tensor: Tensor;
  readonly record: number;
  /** A power of two where absent. */
  readonly as?: Extract<ScaleKind, 'pow2' | 'f32'>;
}

/** A part of a tensor that a kernel binds. The offset, in elements, must be at a 256-byte boundary; see also {@link BlockScales}. */
export interface TensorSlice {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly elements: number;
  /** The tensor scale by which values were multiplied before they were stored; absent if there is none. */
  readonly scale?: Scale;
  /** The levels that its values were rounded to; absent if they were not. */
  readonly levels?: LevelPlace;
}

/** Which levels of a run an operand has. */
export interface LevelPlace {
  readonly role: LevelRole;
  /** Whose levels they are; 0 where all blocks have the same. */
  readonly block: number;
}

export type Operand = Tensor | TensorSlice;

export function bytesPerElement(type: ElementType): NumberFormat['bytes'] {
  return type === 'u32' ? 4 : formatInfo(type).bytes;
}

/** Bytes of the buffer that holds `tensor`: at least 16, and a multiple of 4 as WebGPU's copies require. */
export function byteLength(tensor: Tensor): number {
  const { elements, blockScales } = tensor;
  if (!blockScales) return Math.max(16, wordBytes(tensor.type, elements));
  const { part = elements } = blockScales;
  const whole = Math.ceil(elements / part) - 1;
  return whole * partStride(tensor, part) + partBytes(tensor, elements - whole * part);
}

/**
 * The range of an operand in the buffer of its tensor, in bytes. A part with block scales is always bound as a whole, even if
 * fewer elements are needed, because kernels locate scales from its end.
 * @throws RangeError if block scales do not lie behind the elements of the operand
 */
export function byteRange(operand: Operand): { readonly offset: number; readonly size: number } {
  const tensor = tensorOf(operand);
  const { type, blockScales } = tensor;
  if (!blockScales) {
    if (!('tensor' in operand)) return { offset: 0, size: byteLength(tensor) };
    return {
      offset: operand.offset * bytesPerElement(type),
      size: wordBytes(type, operand.elements),
    };
  }
  const offset = 'tensor' in operand ? operand.offset : 0;
  checkPart(tensor, offset, operand.elements);
  const { part = tensor.elements } = blockScales;
  return {
    offset: (offset / part) * partStride(tensor, part),
    size: partBytes(tensor, Math.min(part, tensor.elements - offset)),
  };
}

function wordBytes(type: ElementType, elements: number): number {
  return Math.ceil((elements * bytesPerElement(type)) / 4) * 4;
}

/** Bytes of the elements and block scales of a part. Scales are stored in groups of four. */
function partBytes({ type, blockScales }: Tensor, elements: number): number {
  const { as } = blockScales!;
  const fours = Math.ceil(scaleCount(blockScales!, elements) / 4);
  return alignUp(elements * bytesPerElement(type)) + fours * (as === 'e8m0' || as === 'e4m3' ? 4 : 16);
}

/** Scales of a part with so many elements. */
function scaleCount({ block, columns, tile }: BlockScales, elements: number): number {
  if (!tile) return columns ?? elements / block;
  const tilesInRow = Math.ceil(tile.width / tile.columns);
  return Math.ceil(elements / tile.width / tile.rows) * tilesInRow;
}

/** Bytes from the start of a part to the start of the next. */
function partStride(tensor: Tensor, part: number): number {
  return alignUp(partBytes(tensor, part));
}

/** Rounds up to the next offset at which a binding may begin. */
function alignUp(bytes: number): number {
  return Math.ceil(bytes / 256) * 256;
}

/** A part of a tensor, in elements. @throws RangeError if block scales do not lie behind these elements */
export function slice(tensor: Tensor, offset: number, elements: number): TensorSlice {
  checkPart(tensor, offset, elements);
  return { tensor, offset, elements };
}

/**
 * A part of an operand, with the operand's tensor scale. `offset` is relative to the start of the operand, in elements.
 * @throws RangeError if block scales do not lie behind these elements
 */
export function sliceOf(operand: Operand, offset: number, elements: number): TensorSlice {
  if (!('tensor' in operand)) return slice(operand, offset, elements);
  return { ...operand, ...slice(operand.tensor, operand.offset + offset, elements) };
}

function checkPart({ name, blockScales }: Tensor, offset: number, elements: number): void {
  if (!blockScales) return;
  const { part } = blockScales;
  if (part === undefined ? offset === 0 : offset % part === 0 && elements <= part) return;
  const where =
    part === undefined ? 'its scales behind the last element' : `scales behind each ${part} elements`;
  throw new RangeError(
    `${name} has ${where}: ${elements} elements from element ${offset} on cannot be bound by themselves`,
  );
}

/** Index of an operand's tensor scale in the table of the run. Record 0 is a scale of 1, for operands without one. */
export function recordOf(operand: Operand): number {
  return scaleOf(operand)?.record ?? 0;
}

export function scaleOf(operand: Operand): Scale | undefined {
  return 'tensor' in operand ? operand.scale : undefined;
}

export function levelsOf(operand: Operand): LevelPlace | undefined {
  return 'tensor' in operand ? operand.levels : undefined;
}

/** Whether the operand has a tensor scale, block scales or levels, and so was quantised from another tensor. */
export function isScaled(operand: Operand): boolean {
  return (
    scaleOf(operand) !== undefined || blockScalesOf(operand) !== undefined || levelsOf(operand) !== undefined
  );
}

export function blockScalesOf(operand: Operand): BlockScales | undefined {
  return tensorOf(operand).blockScales;
}

export function tensorOf(operand: Operand): Tensor {
  return 'tensor' in operand ? operand.tensor : operand;
}

/** The number format of an operand. @throws TypeError if it holds indices */
export function formatOf(operand: Operand): FormatId {
  const { type, name } = tensorOf(operand);
  if (type === 'u32') throw new TypeError(`${name} holds indices, not numbers`);
  return type;
}
