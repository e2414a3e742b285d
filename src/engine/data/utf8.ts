/** Bytes to characters, chunk by chunk, refusing what is not text. */
import { EngineError } from '../core/errors.ts';

/** Tokens take up to twice as much, in one piece; more a browser does not give to a page. */
export const MAX_TEXT_BYTES = 2 ** 30;

const MARK_BYTES = 3;

/**
 * Strict UTF-8 (Unicode 16.0, table 3-7) of a stream. A byte order mark at the start is dropped; line ends stay as
 * they are. Characters may be cut anywhere by the borders of chunks.
 */
export class Utf8Reader {
  #offset = 0;
  /** Where the character that is being read began, and the bytes it still needs. */
  #start = 0;
  #lead = 0;
  #missing = 0;
  #codePoint = 0;
  /** Bounds of the next byte: overlong forms, surrogates and code points above U+10FFFF break them. */
  #low = 0x80;
  #high = 0xbf;
  #codePoints = new Uint32Array(0);
  #mark = 0;

  /** Bytes read, without the byte order mark. */
  get bytes(): number {
    return this.#offset - this.#mark;
  }

  /** Bytes of the byte order mark: 0 or 3. */
  get markBytes(): number {
    return this.#mark;
  }

  /**
   * The characters that end in `chunk`, as code points. The list is the reader's own and valid until the next call.
   * @throws EngineError BAD_TEXT for bytes that are binary (with a NUL), too many, or not UTF-8
   */
  push(chunk: Uint8Array): Uint32Array {
    if (this.#offset === 0) refuseUtf16(chunk);
    checkTextSize(this.#offset + chunk.length);
    if (this.#codePoints.length < chunk.length) this.#codePoints = new Uint32Array(chunk.length);
    const out = this.#codePoints;
    let count = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (this.#missing === 0) {
        if (byte === 0) throw binary(this.#offset + i);
        if (byte < 0x80) out[count++] = byte;
        else this.#begin(byte, this.#offset + i);
      } else {
        if (byte < this.#low || byte > this.#high) throw this.#invalid();
        this.#low = 0x80;
        this.#high = 0xbf;
        this.#codePoint = (this.#codePoint << 6) | (byte & 0x3f);
        this.#missing -= 1;
        if (this.#missing > 0) continue;
        if (this.#codePoint === 0xfeff && this.#start === 0) this.#mark = MARK_BYTES;
        else out[count++] = this.#codePoint;
      }
    }
    this.#offset += chunk.length;
    return out.subarray(0, count);
  }

  /** @throws EngineError BAD_TEXT when nothing was read, or the last character is not complete */
  end(): void {
    if (this.#missing > 0) throw this.#invalid();
    checkTextSize(this.bytes);
    if (this.bytes === 0) throw emptyText();
  }

  #begin(lead: number, offset: number): void {
    this.#start = offset;
    this.#lead = lead;
    if (lead < 0xc2 || lead > 0xf4) throw this.#invalid();
    this.#missing = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    this.#codePoint = lead & (0x3f >> this.#missing);
    this.#low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    this.#high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  }

  #invalid(): EngineError {
    const value = this.#lead.toString(16).padStart(2, '0');
    return new EngineError(
      'BAD_TEXT',
      `The text is not valid UTF-8: byte ${this.#start} (0x${value}) begins no character.`,
      'Save it as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE.',
    );
  }
}

/** @throws EngineError BAD_TEXT when a text of so many bytes is too large to train on */
export function checkTextSize(bytes: number): void {
  if (bytes <= MAX_TEXT_BYTES) return;
  throw new EngineError(
    'BAD_TEXT',
    `The text has ${bytes} bytes or more; at most ${MAX_TEXT_BYTES} (${MAX_TEXT_BYTES / 2 ** 20} MiB) can be held in memory.`,
    'Cut it: a model of this size learns no more from a longer text.',
  );
}

export function emptyText(): EngineError {
  return new EngineError(
    'BAD_TEXT',
    'The text is empty.',
    'Give a text of at least a few thousand characters.',
  );
}

function binary(offset: number): EngineError {
  return new EngineError(
    'BAD_TEXT',
    `The text is binary: byte ${offset} is NUL.`,
    'Give a plain text file in UTF-8.',
  );
}

function refuseUtf16([first, second]: Uint8Array): void {
  if (!(first === 0xff && second === 0xfe) && !(first === 0xfe && second === 0xff)) return;
  throw new EngineError(
    'BAD_TEXT',
    'The text is UTF-16, not UTF-8: it starts with a UTF-16 byte order mark.',
    'Save it as UTF-8, or convert it: iconv -f UTF-16 -t UTF-8 FILE.',
  );
}
