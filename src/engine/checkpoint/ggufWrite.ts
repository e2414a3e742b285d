/** Writes GGUF files piece by piece. */
import {
  ALIGNMENT,
  bytesOfType,
  GGUF_MAGIC,
  GGUF_VERSION,
  type GgufType,
  TENSOR_TYPES,
  VALUE_TYPES,
  type ValueToWrite,
  type ValueType,
} from './ggufFormat.ts';

export interface GgufTensorToWrite {
  readonly name: string;
  readonly type: GgufType;
  /** Rows first, as in PyTorch. */
  readonly shape: readonly number[];
  /** The tensor's bytes in order, in pieces of any size. */
  pieces(): AsyncIterable<Uint8Array>;
}

/** @throws RangeError when `pieces` does not return as many bytes as the shape needs */
export async function* writeGguf(
  metadata: ReadonlyMap<string, ValueToWrite>,
  tensors: readonly GgufTensorToWrite[],
): AsyncGenerator<Uint8Array> {
  const header = new ByteWriter();
  header.u32(GGUF_MAGIC);
  header.u32(GGUF_VERSION);
  header.u64(tensors.length);
  header.u64(metadata.size);
  for (const [key, value] of metadata) {
    header.string(key);
    header.value(value);
  }
  let offset = 0;
  for (const { name, type, shape } of tensors) {
    header.string(name);
    header.u32(shape.length);
    for (const size of [...shape].reverse()) header.u64(size);
    header.u32(TENSOR_TYPES[type].number);
    header.u64(offset);
    offset = aligned(offset + bytesOf(type, shape));
  }
  yield* header.end();
  for (const { name, type, shape, pieces } of tensors) {
    let written = 0;
    for await (const piece of pieces()) {
      written += piece.length;
      yield piece;
    }
    const wanted = bytesOf(type, shape);
    if (written !== wanted) throw new RangeError(`${name} gave ${written} bytes, not ${wanted}`);
    yield new Uint8Array(aligned(wanted) - wanted);
  }
}

function bytesOf(type: GgufType, shape: readonly number[]): number {
  return bytesOfType(
    type,
    shape.reduce((product, size) => product * size, 1),
  );
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Types of the entries of arrays. */
const LISTS = { strings: 'string', f32s: 'f32', i32s: 'i32' } as const;

class ByteWriter {
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(2 ** 16);
  #length = 0;

  u32(value: number): void {
    this.#view(4).setUint32(0, value, true);
  }

  u64(value: number): void {
    this.#view(8).setBigUint64(0, BigInt(value), true);
  }

  string(text: string): void {
    const bytes = this.#encoder.encode(text);
    this.u64(bytes.length);
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  value(content: ValueToWrite): void {
    switch (content.type) {
      case 'strings':
      case 'f32s':
      case 'i32s': {
        const type = LISTS[content.type];
        this.#type('array');
        this.#type(type);
        this.u64(content.value.length);
        for (const each of content.value) this.#plain(type, each);
        return;
      }
      default:
        this.#type(content.type);
        this.#plain(content.type, content.value);
    }
  }

  /** The bytes, padded so that the first tensor is aligned. */
  *end(): Generator<Uint8Array> {
    yield this.#bytes.subarray(0, this.#length);
    yield new Uint8Array(aligned(this.#length) - this.#length);
  }

  #type(type: ValueType): void {
    this.u32(VALUE_TYPES.indexOf(type));
  }

  #plain(type: ValueType, value: number | boolean | string): void {
    switch (type) {
      case 'string':
        this.string(String(value));
        return;
      case 'bool':
        this.#view(1).setUint8(0, value ? 1 : 0);
        return;
      case 'f32':
        this.#view(4).setFloat32(0, Number(value), true);
        return;
      case 'i32':
        this.#view(4).setInt32(0, Number(value), true);
        return;
      default:
        this.u32(Number(value));
    }
  }

  /** The next bytes. */
  #view(bytes: number): DataView {
    const at = this.#grow(bytes);
    return new DataView(this.#bytes.buffer, at, bytes);
  }

  /** Makes room and returns where it begins. */
  #grow(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }
}
