/** Decodes UTF-8 chunk by chunk and refuses input that is not text. */
import { EngineError } from '../core/errors.ts';

/** The tokens take up to twice as many bytes in one array, and browsers do not allocate more than 2 GiB in one piece. */
export const MAX_TEXT_BYTES = 2 ** 30;

const BYTE_ORDER_MARK = 0xfeff;
const MARK_BYTES = 3;

/**
 * Decodes strict UTF-8 from a stream with the platform's `TextDecoder`. A byte order mark at the start is dropped; line
 * ends are kept. A character may be split between chunks.
 */
export class Utf8Reader {
  readonly #name: string;
  #offset = 0;
  /** The bytes before `#offset` that begin an incomplete character; at most three. */
  #begun = new Uint8Array(0);
  #mark = 0;

  /** @param name of the text, for messages */
  constructor(name: string) {
    this.#name = name;
  }

  /** Bytes read so far, without the byte order mark. */
  get bytes(): number {
    return this.#offset - this.#mark;
  }

  /** Size of the byte order mark: 0 or 3. */
  get markBytes(): number {
    return this.#mark;
  }

  /**
   * Returns the characters that end in `chunk`, as code points.
   * @throws EngineError BAD_TEXT when the text contains a NUL, is too large, or is not UTF-8
   */
  push(chunk: Uint8Array): Uint32Array {
    if (this.#offset === 0) refuseUtf16(this.#name, chunk);
    checkTextSize(this.#name, this.#offset + chunk.length);
    const start = this.#offset - this.#begun.length;
    const bytes = joined(this.#begun, chunk);
    const text = decoded(bytes);
    const valid = text ?? validPrefix(bytes);
    const nul = valid.indexOf('\0');
    if (nul >= 0) throw binary(this.#name, start + utf8Length(valid.slice(0, nul)));
    const read = utf8Length(valid);
    if (text === null) throw invalid(this.#name, start + read, bytes[read]!);
    this.#begun = bytes.slice(read);
    this.#offset += chunk.length;
    const codePoints = codePointsOf(text);
    if (start > 0 || codePoints[0] !== BYTE_ORDER_MARK) return codePoints;
    this.#mark = MARK_BYTES;
    return codePoints.subarray(1);
  }

  /** @throws EngineError BAD_TEXT when the text is empty or its last character is incomplete */
  end(): void {
    const [lead] = this.#begun;
    if (lead !== undefined) throw invalid(this.#name, this.#offset - this.#begun.length, lead);
    checkTextSize(this.#name, this.bytes);
    if (this.bytes === 0) throw emptyText(this.#name);
  }
}

/** Decodes the complete characters of `bytes`, which may end inside one; null when they are not UTF-8. */
function decoded(bytes: Uint8Array): string | null {
  try {
    // A new decoder each time, because the state of one that has failed is not defined.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return null;
  }
}

/** Returns the text before the first invalid character. The decoder does not report its position, so this bisects. */
function validPrefix(bytes: Uint8Array): string {
  let [valid, invalid] = [0, bytes.length];
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    if (decoded(bytes.subarray(0, middle)) === null) invalid = middle;
    else valid = middle;
  }
  return decoded(bytes.subarray(0, valid))!;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function codePointsOf(text: string): Uint32Array {
  const codePoints = new Uint32Array(text.length);
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const codePoint = text.codePointAt(i)!;
    if (codePoint > 0xffff) i += 1; // a surrogate pair
    codePoints[count++] = codePoint;
  }
  return codePoints.subarray(0, count);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

function invalid(name: string, offset: number, lead: number): EngineError {
  return new EngineError(
    'BAD_TEXT',
    `The text "${name}" is not valid UTF-8: byte ${offset} (0x${lead.toString(16).padStart(2, '0')}) does not begin a valid character.`,
    'Save it as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE.',
  );
}

/** @throws EngineError BAD_TEXT when a text of `bytes` bytes is too large to train on */
export function checkTextSize(name: string, bytes: number): void {
  if (bytes <= MAX_TEXT_BYTES) return;
  throw new EngineError(
    'BAD_TEXT',
    `The text "${name}" has at least ${bytes} bytes; at most ${MAX_TEXT_BYTES} (${MAX_TEXT_BYTES / 2 ** 20} MiB) can be read.`,
    'Shorten it. Models of this size do not learn more from a longer text.',
  );
}

export function emptyText(name: string): EngineError {
  return new EngineError(
    'BAD_TEXT',
    `The text "${name}" is empty.`,
    'Give a text of at least a few thousand characters.',
  );
}

function binary(name: string, offset: number): EngineError {
  return new EngineError(
    'BAD_TEXT',
    `The text "${name}" is binary: byte ${offset} is NUL.`,
    'Give a plain text file in UTF-8.',
  );
}

function refuseUtf16(name: string, [first, second]: Uint8Array): void {
  if (!(first === 0xff && second === 0xfe) && !(first === 0xfe && second === 0xff)) return;
  throw new EngineError(
    'BAD_TEXT',
    `The text "${name}" is UTF-16, not UTF-8: it starts with a UTF-16 byte order mark.`,
    'Save it as UTF-8, or convert it: iconv -f UTF-16 -t UTF-8 FILE.',
  );
}
