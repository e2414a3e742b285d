/** Reads numbers, strings and metadata values one after the other. */
import { type GgufValue, VALUE_TYPES, type ValueType } from './ggufFormat.ts';

/** The header has more bytes than have been read of the file. */
export class HeaderEnds extends Error {}

/** Nesting depth of arrays that is read. Real files have none in another. */
const MAX_DEPTH = 2;

const NUMBERS = {
  u8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  i8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  u16: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  i16: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  u32: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  i32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  f32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  f64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  u64: { bytes: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  i64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
} as const satisfies Partial<
  Record<ValueType, { readonly bytes: number; readonly read: (view: DataView, at: number) => number }>
>;
type NumberType = keyof typeof NUMBERS;

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #wrong: (what: string) => Error;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #at = 0;

  /** @param wrong makes the error for bytes that are no valid header */
  constructor(bytes: Uint8Array, wrong: (what: string) => Error) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#wrong = wrong;
  }

  /** Bytes read so far. */
  get at(): number {
    return this.#at;
  }

  u32(): number {
    return this.#number('u32');
  }

  /** @throws the error for a number that is not exact */
  u64(): number {
    const at = this.#at;
    const value = this.#number('u64');
    if (!Number.isSafeInteger(value)) throw this.#wrong(`the number at byte ${at} is ${value}`);
    return value;
  }

  string(): string {
    const length = this.u64();
    return this.#decoder.decode(this.#bytes.subarray(this.#skip(length), this.#at));
  }

  /** A metadata value, with its type before it. */
  value(): GgufValue {
    return this.#valueOf(this.#type(), 0);
  }

  #valueOf(type: ValueType, depth: number): GgufValue {
    if (type === 'string') return this.string();
    if (type === 'bool') return this.#number('u8') !== 0;
    if (type !== 'array') return this.#number(type);
    if (depth === MAX_DEPTH) throw this.#wrong(`the arrays at byte ${this.#at} are nested too deeply`);
    const inner = this.#type();
    const length = this.u64();
    // An entry takes at least one byte, so that a wrong length does not allocate more than the file has.
    if (length > this.#bytes.length - this.#at) throw new HeaderEnds();
    return Array.from({ length }, () => this.#valueOf(inner, depth + 1));
  }

  #type(): ValueType {
    const at = this.#at;
    const number = this.u32();
    const type = VALUE_TYPES[number];
    if (!type) throw this.#wrong(`the value at byte ${at} has the unknown type ${number}`);
    return type;
  }

  #number(type: NumberType): number {
    const { bytes, read } = NUMBERS[type];
    return read(this.#view, this.#skip(bytes));
  }

  /** Moves on and returns where it was. */
  #skip(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#bytes.length) throw new HeaderEnds();
    this.#at = at + bytes;
    return at;
  }
}
