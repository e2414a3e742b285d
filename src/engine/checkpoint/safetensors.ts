/**
 * Reads safetensors files by random access, and writes them as a stream.
 * Format: https://huggingface.co/docs/safetensors, "Format".
 */
import { EngineError } from '../core/errors.ts';
import { DTYPE_BYTES, type Dtype, decodeFloats, firstNonFinite, floatDtype } from './dtypes.ts';
import { type RandomAccess, readExactly } from './randomAccess.ts';
import {
  damaged,
  type Header,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  METADATA_KEY,
  parseHeader,
  type TensorInfo,
} from './safetensorsHeader.ts';

export interface SafetensorsFile extends Header {
  readonly source: RandomAccess;
}

/** Bytes read at a time, which keeps memory use small. It is a multiple of the size of every number format. */
const PIECE_BYTES = 2 ** 20;
/** Headers are padded with spaces to a multiple of this, so that the first tensor is aligned. */
const ALIGNMENT = 8;

/**
 * Reads and checks the header, but no tensor. Memory is bounded by a multiple of the header's size, which is checked
 * against the file's first.
 * @throws EngineError BAD_FILE saying what is wrong, with both numbers
 */
export async function openSafetensors(source: RandomAccess): Promise<SafetensorsFile> {
  const { name, size } = source;
  if (size < LENGTH_BYTES)
    throw damaged(name, `it has ${size} bytes, but the length of the header alone takes 8`);
  const start = await readExactly(source, 0, LENGTH_BYTES);
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > size - LENGTH_BYTES) {
    throw damaged(name, `its header should have ${length} bytes, but ${size - LENGTH_BYTES} follow`);
  }
  if (length > MAX_HEADER_BYTES) {
    throw damaged(name, `its header has ${length} bytes; at most ${MAX_HEADER_BYTES} are read`);
  }
  const header = await readExactly(source, LENGTH_BYTES, Number(length));
  return { source, ...parseHeader(header, source) };
}

/**
 * Reads the bytes of a tensor in pieces, none of which splits a number.
 * @throws EngineError BAD_FILE when the file cannot be read or has changed since it was opened
 */
export async function* tensorPieces(
  { source }: SafetensorsFile,
  { offset, bytes }: TensorInfo,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    yield await readExactly(source, offset + at, Math.min(PIECE_BYTES, bytes - at));
  }
}

/**
 * Reads an F32, F16 or BF16 tensor, widened to f32 exactly: (elements).
 * @throws EngineError NOT_FINITE naming the tensor and the first element that is NaN or infinite
 * @throws EngineError WRONG_MODEL for other number formats, BAD_FILE as {@link tensorPieces}
 */
export async function readFloats(file: SafetensorsFile, tensor: TensorInfo): Promise<Float32Array> {
  const dtype = floatDtype(tensor.name, tensor.dtype);
  const values = new Float32Array(tensor.elements);
  let at = 0;
  for await (const piece of tensorPieces(file, tensor)) {
    const part = values.subarray(at, at + piece.length / DTYPE_BYTES[dtype]);
    decodeFloats(dtype, piece, part);
    const found = firstNonFinite(part);
    if (found >= 0) throw notFinite(file.source.name, tensor, at + found, part[found]!);
    at += part.length;
  }
  return values;
}

function notFinite(file: string, { name, elements }: TensorInfo, index: number, value: number): EngineError {
  return new EngineError(
    'NOT_FINITE',
    `${name} in "${file}" is ${value} at element ${index} of ${elements}.`,
    'A model with such a weight gives only non-finite results. Use an earlier file of the same run.',
  );
}

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The tensor's bytes in order, in pieces of any size. */
  pieces(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Returns the bytes of a file, piece by piece. The widest number formats are written first, so that every tensor is
 * aligned.
 * @throws RangeError when two tensors have the same name, or `pieces` does not return as many bytes as the shape needs
 */
export async function* writeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  const ordered = [...tensors].sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]);
  yield headerBytes(ordered, metadata);
  for (const tensor of ordered) {
    let written = 0;
    for await (const piece of tensor.pieces()) {
      written += piece.length;
      yield piece;
    }
    const wanted = bytesOf(tensor);
    if (written !== wanted) throw new RangeError(`${tensor.name} gave ${written} bytes, not ${wanted}`);
  }
}

function bytesOf({ dtype, shape }: TensorToWrite): number {
  return shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
}

function headerBytes(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries = new Map<string, string>();
  if (Object.keys(metadata).length > 0) entries.set(METADATA_KEY, JSON.stringify(metadata));
  let end = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    if (entries.has(name) || name === METADATA_KEY)
      throw new RangeError(`There are two tensors called ${name}`);
    const begin = end;
    end += bytesOf(tensor);
    entries.set(name, JSON.stringify({ dtype, shape, data_offsets: [begin, end] }));
  }
  const json = [...entries].map(([name, entry]) => `${JSON.stringify(name)}:${entry}`).join(',');
  const text = new TextEncoder().encode(`{${json}}`);
  const length = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, LENGTH_BYTES);
  return bytes;
}
