/**
 * Parses the header of a safetensors file and checks all of it before any tensor is read.
 * Format: https://huggingface.co/docs/safetensors, "Format".
 */
import { EngineError } from '../core/errors.ts';
import { JsonProblem, type JsonValue, parseStrictJson, quote } from '../core/strictJson.ts';
import { DTYPE_BYTES, type Dtype, isDtype } from './dtypes.ts';

export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly elements: number;
  /** First byte from the start of the file. Not every writer aligns it to the size of the numbers. */
  readonly offset: number;
  readonly bytes: number;
}

export interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of their offsets. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/** The header is preceded by its length, a little-endian 64-bit integer. */
export const LENGTH_BYTES = 8;
/** Largest header that is read. Real models have far smaller ones; the format allows 100 MB. */
export const MAX_HEADER_BYTES = 16 * 2 ** 20;
export const METADATA_KEY = '__metadata__';

const MAX_DIMENSIONS = 16;
/** Nesting depth: header, entry, shape. */
const MAX_DEPTH = 3;

/**
 * @param bytes the header alone
 * @param file its name, for messages, and its size in bytes, against which offsets are checked
 * @throws EngineError BAD_FILE naming the tensor and both numbers
 */
export function parseHeader(
  bytes: Uint8Array,
  file: { readonly name: string; readonly size: number },
): Header {
  const dataStart = LENGTH_BYTES + bytes.length;
  const content = parseObject(bytes, file.name);
  let metadata: ReadonlyMap<string, string> = new Map();
  const tensors: TensorInfo[] = [];
  for (const [name, entry] of content) {
    if (name === METADATA_KEY) metadata = metadataOf(entry, file.name);
    else tensors.push(tensorOf(name, entry, dataStart, file.name));
  }
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  checkLayout(tensors, dataStart, file);
  return { metadata, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

function parseObject(bytes: Uint8Array, file: string): ReadonlyMap<string, JsonValue> {
  if (bytes[0] !== 0x7b) {
    throw damaged(file, `its header begins with byte 0x${(bytes[0] ?? 0).toString(16)}, not with "{"`);
  }
  let content: JsonValue;
  try {
    content = parseStrictJson(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
      MAX_DEPTH,
    );
  } catch (cause) {
    const why =
      cause instanceof JsonProblem
        ? `its header is not JSON at character ${cause.offset}: ${cause.message}`
        : 'its header is not UTF-8';
    throw damaged(file, why, { cause });
  }
  return content as ReadonlyMap<string, JsonValue>; // it begins with "{"
}

function metadataOf(entry: JsonValue, file: string): ReadonlyMap<string, string> {
  if (!(entry instanceof Map)) throw damaged(file, `its ${METADATA_KEY} is not an object`);
  for (const [key, value] of entry) {
    if (typeof value !== 'string') throw damaged(file, `its ${METADATA_KEY} ${quote(key)} is not a string`);
  }
  return entry as ReadonlyMap<string, string>;
}

const ENTRY_KEYS = ['dtype', 'shape', 'data_offsets'];

function tensorOf(name: string, entry: JsonValue, dataStart: number, file: string): TensorInfo {
  const wrong = (what: string): EngineError => damaged(file, `tensor ${quote(name)} ${what}`);
  if (!(entry instanceof Map)) throw wrong('is not an object');
  for (const key of entry.keys())
    if (!ENTRY_KEYS.includes(key)) throw wrong(`has an unknown key ${quote(key)}`);
  const dtype = entry.get('dtype');
  if (!isDtype(dtype)) {
    const what =
      typeof dtype === 'string' ? `the unknown dtype ${quote(dtype)}` : 'a dtype that is not a string';
    throw wrong(`has ${what}; dtypes are ${Object.keys(DTYPE_BYTES).join(', ')}`);
  }
  const shape = entry.get('shape');
  if (!isList(shape) || shape.length > MAX_DIMENSIONS || !shape.every(isCount)) {
    throw wrong(`has a shape that is not a list of at most ${MAX_DIMENSIONS} whole numbers`);
  }
  const offsets = entry.get('data_offsets');
  if (!isList(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw wrong('has data_offsets that are not a pair of whole numbers');
  }
  const [begin, end] = offsets as [number, number];
  // A product above 2^53 is not exact, but it cannot equal the difference of the offsets either.
  const elements = shape.reduce((product: number, size) => product * size, 1);
  const needed = elements * DTYPE_BYTES[dtype];
  if (needed !== end - begin) {
    throw wrong(
      `of shape [${shape.join(', ')}] in ${dtype} needs ${needed} bytes, but its data_offsets ${begin} to ${end} span ${end - begin}`,
    );
  }
  return { name, dtype, shape, elements, offset: dataStart + begin, bytes: needed };
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isCount(value: JsonValue): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Checks that the tensors cover every byte after the header exactly once. */
function checkLayout(
  tensors: readonly TensorInfo[],
  dataStart: number,
  { name: file, size }: { readonly name: string; readonly size: number },
): void {
  let end = dataStart;
  let before = 'the header';
  for (const { name, offset, bytes } of tensors) {
    if (offset < end) {
      throw damaged(file, `tensor ${quote(name)} begins at byte ${offset}, but ${before} ends at ${end}`);
    }
    if (offset > end) {
      throw damaged(
        file,
        `${offset - end} bytes between ${before} (which ends at byte ${end}) and tensor ${quote(name)} (which begins at ${offset}) belong to no tensor`,
      );
    }
    end = offset + bytes;
    before = `tensor ${quote(name)}`;
    if (end > size) {
      throw damaged(file, `${before} ends at byte ${end}, but the file ends at ${size}`);
    }
  }
  if (end < size) throw damaged(file, `${before} ends at byte ${end}, but the file ends at ${size}`);
}

/** The error for a file that is not valid safetensors. */
export function damaged(file: string, what: string, options?: ErrorOptions): EngineError {
  return new EngineError(
    'BAD_FILE',
    `"${file}" is not a valid safetensors file: ${what}.`,
    'It is another kind of file, or it was damaged or cut off. Get it again.',
    options,
  );
}
