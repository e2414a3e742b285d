import type { JoiningEncoder } from './joining.ts';

/** How many bytes are encoded at a time, and how many of them at the end may still change with what follows. */
export interface Span {
  readonly bytes: number;
  readonly margin: number;
}

/** The margin is four times the longest token of a learned vocabulary. */
export const FIRST_SPAN: Span = { bytes: 2 ** 13, margin: 2 ** 10 };

/** The span of the next attempt. */
export function wider({ bytes, margin }: Span): Span {
  return { bytes: 16 * bytes, margin: 16 * margin };
}

/** Later bytes changed a token that lies further back than the margin. The text must be read again with a wider span. */
export class SpanTooShort extends Error {}

/**
 * Encodes a word of any length span by span, with the same result as encoding it at once. This holds because a token
 * list is the encoding of its bytes if and only if every two neighbours are the encoding of their own bytes: what lies
 * between two token borders is joined in the same way whatever is outside. Consecutive spans overlap in one token, which
 * both must produce, so every two neighbours come from the encoding of a single span.
 */
export class LongWord {
  readonly #encoder: JoiningEncoder;
  readonly #span: Span;
  readonly #bytes: Uint8Array;
  #length = 0;
  /** The token that the span must begin with; null at the start of the word. */
  #shared: number | null = null;

  constructor(encoder: JoiningEncoder, span: Span) {
    this.#encoder = encoder;
    this.#span = span;
    this.#bytes = new Uint8Array(span.bytes);
  }

  /**
   * @returns the ids that later bytes cannot change
   * @throws SpanTooShort
   */
  push(bytes: Uint8Array, length: number): number[] {
    const found: number[] = [];
    for (let at = 0; at < length; ) {
      const part = Math.min(length - at, this.#bytes.length - this.#length);
      this.#bytes.set(bytes.subarray(at, at + part), this.#length);
      this.#length += part;
      at += part;
      if (this.#length === this.#bytes.length) this.#advance(found);
    }
    return found;
  }

  /**
   * Ends the word.
   * @throws SpanTooShort
   */
  end(): number[] {
    const ids = this.#encode();
    this.#length = 0;
    this.#shared = null;
    return ids;
  }

  #advance(found: number[]): void {
    const ids = this.#encode();
    const lengthOf = (at: number) => this.#encoder.lengthOf(ids[at]!);
    const settled = this.#span.bytes - this.#span.margin;
    let start = 0;
    let at = 0;
    for (let end = lengthOf(0); end + lengthOf(at + 1) <= settled; at++) {
      start = end;
      end += lengthOf(at + 1);
    }
    if (at === 0) throw new SpanTooShort();
    for (let i = 0; i < at; i++) found.push(ids[i]!);
    this.#shared = ids[at]!;
    this.#bytes.copyWithin(0, start);
    this.#length -= start;
  }

  #encode(): number[] {
    const ids = this.#encoder.encode(this.#bytes, this.#length);
    if (this.#shared !== null && ids[0] !== this.#shared) throw new SpanTooShort();
    return ids;
  }
}
