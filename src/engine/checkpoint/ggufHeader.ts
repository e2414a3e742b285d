/** Reads the header of a GGUF file and checks all of it before any tensor is read. */
import { EngineError } from '../core/errors.ts';
import { quote } from '../core/strictJson.ts';
import {
  ALIGNMENT,
  bytesOfType,
  GGUF_MAGIC,
  type GgufType,
  type GgufValue,
  READ_VERSIONS,
  TENSOR_TYPES,
  tensorType,
  tensorTypeName,
} from './ggufFormat.ts';
import { ByteReader, HeaderEnds } from './ggufReader.ts';
import { type RandomAccess, readExactly } from './randomAccess.ts';

export interface GgufTensor {
  readonly name: string;
  readonly type: GgufType;
  /** Rows first, as in PyTorch; a file has the sizes in the opposite order. */
  readonly shape: readonly number[];
  readonly elements: number;
  /** First byte from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufFile {
  readonly source: RandomAccess;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const FIRST_BYTES = 2 ** 20;
/** Largest header that is read. Vocabularies of 256,000 tokens take some 12 MB. */
const MAX_HEADER_BYTES = 2 ** 26;
const MAX_DIMENSIONS = 4;
/** Bytes of the shortest entry of a metadata value and of a tensor. */
const LEAST_ENTRY = { value: 8 + 1 + 4 + 1, tensor: 8 + 1 + 4 + 8 + 4 + 8 };

/** Whether a file begins as a GGUF file. */
export async function isGguf(source: RandomAccess): Promise<boolean> {
  if (source.size < 4) return false;
  const start = await readExactly(source, 0, 4);
  const magic = new DataView(start.buffer, start.byteOffset).getUint32(0, true);
  return magic === GGUF_MAGIC;
}

/**
 * Reads the metadata and the list of tensors, but no tensor. Memory is bounded by a multiple of the header's size.
 * @throws EngineError BAD_FILE saying what is wrong, with both numbers; WRONG_MODEL for versions and number formats that are
 * not read
 */
export async function openGguf(source: RandomAccess): Promise<GgufFile> {
  for (let length = Math.min(FIRST_BYTES, source.size); ; length = Math.min(4 * length, source.size)) {
    const bytes = await readExactly(source, 0, length);
    try {
      return { source, ...parseHeader(bytes, source) };
    } catch (cause) {
      if (!(cause instanceof HeaderEnds)) throw cause;
      if (length === source.size) {
        throw damagedGguf(source.name, `its header goes on beyond byte ${source.size}, where the file ends`);
      }
      if (length >= MAX_HEADER_BYTES) {
        throw damagedGguf(source.name, `its header has more than ${MAX_HEADER_BYTES} bytes`);
      }
    }
  }
}

/**
 * @param bytes the first bytes of the file
 * @throws HeaderEnds when the header has more bytes
 */
function parseHeader(bytes: Uint8Array, { name, size }: RandomAccess): Omit<GgufFile, 'source'> {
  const reader = new ByteReader(bytes, (what) => damagedGguf(name, what));
  if (reader.u32() !== GGUF_MAGIC) throw damagedGguf(name, 'it does not begin with "GGUF"');
  checkVersion(name, reader.u32());
  const tensorCount = countOf(reader, 'tensors', LEAST_ENTRY.tensor, name, size);
  const valueCount = countOf(reader, 'values', LEAST_ENTRY.value, name, size);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) {
    const key = reader.string();
    if (metadata.has(key)) throw damagedGguf(name, `it has ${quote(key)} twice`);
    metadata.set(key, reader.value());
  }
  const entries = Array.from({ length: tensorCount }, () => tensorEntry(reader, name));
  const alignment = metadata.get('general.alignment') ?? ALIGNMENT;
  if (typeof alignment !== 'number' || !(alignment >= 8) || alignment % 8 !== 0) {
    throw damagedGguf(name, `its general.alignment is ${String(alignment)}, which is not a multiple of 8`);
  }
  const dataStart = Math.ceil(reader.at / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const entry of entries) {
    if (tensors.has(entry.name)) throw damagedGguf(name, `it has the tensor ${quote(entry.name)} twice`);
    if (entry.offset % alignment !== 0) {
      throw damagedGguf(
        name,
        `tensor ${quote(entry.name)} has the offset ${entry.offset}, which is not a multiple of ${alignment}`,
      );
    }
    tensors.set(entry.name, { ...entry, offset: dataStart + entry.offset });
  }
  checkLayout([...tensors.values()], dataStart, name, size);
  return { metadata, tensors };
}

function checkVersion(name: string, version: number): void {
  if (READ_VERSIONS.includes(version)) return;
  const swapped = READ_VERSIONS.some((each) => version === each * 2 ** 24);
  throw new EngineError(
    'WRONG_MODEL',
    swapped
      ? `"${name}" is a GGUF file whose numbers are big-endian.`
      : `"${name}" is a GGUF file of version ${version}; versions ${READ_VERSIONS.join(' and ')} are read.`,
    swapped
      ? 'Give the little-endian file, which is the usual one.'
      : "Convert the model again with llama.cpp's convert_hf_to_gguf.py, or give its safetensors files.",
  );
}

function countOf(reader: ByteReader, what: string, least: number, name: string, size: number): number {
  const count = reader.u64();
  if (count * least <= size) return count;
  throw damagedGguf(name, `it should have ${count} ${what}, but the file has only ${size} bytes`);
}

function tensorEntry(reader: ByteReader, file: string): GgufTensor {
  const name = reader.string();
  const wrong = (what: string): EngineError => damagedGguf(file, `tensor ${quote(name)} ${what}`);
  const dimensions = reader.u32();
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    throw wrong(`has ${dimensions} dimensions; from 1 to ${MAX_DIMENSIONS} are possible`);
  }
  const shape = Array.from({ length: dimensions }, () => reader.u64()).reverse();
  const number = reader.u32();
  const offset = reader.u64();
  const type = tensorType(number);
  if (!type) throw notRead(file, name, number);
  const { block } = TENSOR_TYPES[type];
  const row = shape.at(-1)!;
  const elements = shape.reduce((product, each) => product * each, 1);
  if (row % block !== 0) throw wrong(`in ${type} has rows of ${row} numbers, not a multiple of ${block}`);
  if (!Number.isSafeInteger(4 * elements)) throw wrong(`of shape [${shape.join(', ')}] is too large`);
  return { name, type, shape, elements, offset, bytes: bytesOfType(type, elements) };
}

function notRead(file: string, tensor: string, number: number): EngineError {
  return new EngineError(
    'WRONG_MODEL',
    `${tensor} in "${file}" holds ${tensorTypeName(number)} numbers; GGUF tensors are read from ${Object.keys(TENSOR_TYPES).join(', ')}.`,
    'Give the same model in F16, BF16 or Q8_0.',
  );
}

function checkLayout(tensors: readonly GgufTensor[], dataStart: number, file: string, size: number): void {
  let end = dataStart;
  let before = 'the header';
  for (const { name, offset, bytes } of [...tensors].sort((a, b) => a.offset - b.offset)) {
    if (offset < end) {
      throw damagedGguf(file, `tensor ${quote(name)} begins at byte ${offset}, but ${before} ends at ${end}`);
    }
    end = offset + bytes;
    before = `tensor ${quote(name)}`;
    if (end > size) throw damagedGguf(file, `${before} ends at byte ${end}, but the file ends at ${size}`);
  }
}

/** The error for a file that is no valid GGUF file. */
export function damagedGguf(file: string, what: string): EngineError {
  return new EngineError(
    'BAD_FILE',
    `"${file}" is not a valid GGUF file: ${what}.`,
    'It is another kind of file, or it was damaged or cut off. Get it again.',
  );
}
