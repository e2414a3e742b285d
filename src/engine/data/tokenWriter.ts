/** Second reading of a text: ids into an array that is as long as the text and as wide as the vocabulary needs. */
import { EngineError } from '../core/errors.ts';
import { Checksum } from './checksum.ts';
import type { Span } from './longWord.ts';
import { PairEncoder } from './pairModel.ts';
import type { Found } from './survey.ts';
import { TextFingerprint } from './textFingerprint.ts';
import { endsText, pairModel, type Tokenizer, type TokenizerJson } from './tokenizer.ts';
import { Utf8Reader } from './utf8.ts';
import { PieceReader } from './wordPieces.ts';

export interface Written {
  readonly tokens: Uint8Array | Uint16Array;
  /** Fingerprint of the tokens that are pieces of words; null for others, which the text's fingerprint tells apart. */
  readonly checksum: string | null;
  /** Characters of the longest word; 0 where words do not matter. */
  readonly longestWord: number;
}

export interface TokenWriter {
  /** @throws EngineError BAD_TEXT where the text is no longer what it was; SpanTooShort */
  take(piece: Uint8Array): void;
  end(): Written;
}

export function tokenWriter(found: Found, span: Span): TokenWriter {
  const { json } = found.tokenizer;
  switch (json.kind) {
    case 'byte':
      return new ByteWriter(found);
    case 'char':
      return new CharacterWriter(found, json.characters);
    default:
      return new PieceWriter(found, json, span);
  }
}

class ByteWriter implements TokenWriter {
  readonly #tokens: Uint8Array | Uint16Array;
  #count = 0;
  #skip: number;

  constructor({ tokenizer, count, markBytes }: Found) {
    this.#tokens = allocate(count!, tokenizer);
    this.#skip = markBytes;
  }

  take(piece: Uint8Array): void {
    const skipped = Math.min(this.#skip, piece.length);
    this.#skip -= skipped;
    const rest = piece.subarray(skipped);
    if (this.#count + rest.length > this.#tokens.length) throw changed();
    this.#tokens.set(rest, this.#count);
    this.#count += rest.length;
  }

  end(): Written {
    if (this.#count !== this.#tokens.length) throw changed();
    return { tokens: this.#tokens, checksum: null, longestWord: 0 };
  }
}

class CharacterWriter implements TokenWriter {
  readonly #tokens: Uint8Array | Uint16Array;
  readonly #reader = new Utf8Reader();
  /** Id of a code point, -1 for those that the first reading did not see. */
  readonly #ids: Int32Array;
  #count = 0;

  constructor({ tokenizer, count }: Found, characters: string) {
    this.#tokens = allocate(count!, tokenizer);
    const codePoints = Array.from(characters, (character) => character.codePointAt(0)!);
    this.#ids = new Int32Array(codePoints.reduce((most, one) => Math.max(most, one), 0) + 1).fill(-1);
    for (const [id, codePoint] of codePoints.entries()) this.#ids[codePoint] = id;
  }

  take(piece: Uint8Array): void {
    const codePoints = this.#reader.push(piece);
    const tokens = this.#tokens;
    let count = this.#count;
    if (count + codePoints.length > tokens.length) throw changed();
    for (let i = 0; i < codePoints.length; i++) {
      const id = this.#ids[codePoints[i]!]!;
      if (!(id >= 0)) throw changed();
      tokens[count++] = id;
    }
    this.#count = count;
  }

  end(): Written {
    if (this.#count !== this.#tokens.length) throw changed();
    return { tokens: this.#tokens, checksum: null, longestWord: 0 };
  }
}

/** Tokens that are kept in one piece until all are there. */
const PART = 2 ** 20;

/** Counts as it writes: the tokens are there twice while they are put into one array. */
class PieceWriter implements TokenWriter {
  readonly #found: Found;
  readonly #reader = new Utf8Reader();
  readonly #fingerprint = new TextFingerprint();
  readonly #pieces: PieceReader;
  readonly #checksum = new Checksum();
  readonly #parts: (Uint8Array | Uint16Array)[] = [];
  #part: Uint8Array | Uint16Array;
  /** Tokens in `#part`. */
  #count = 0;

  constructor(found: Found, json: Extract<TokenizerJson, { kind: 'bpe' | 'gpt2' }>, span: Span) {
    this.#found = found;
    this.#part = allocate(PART, found.tokenizer);
    const encoder = new PairEncoder(pairModel(json));
    this.#pieces = new PieceReader(encoder, (ids) => this.#add(ids), { endOfText: endsText(json), span });
  }

  take(piece: Uint8Array): void {
    const codePoints = this.#reader.push(piece);
    this.#fingerprint.add(piece, this.#reader);
    this.#pieces.push(codePoints);
  }

  end(): Written {
    this.#pieces.end();
    if (this.#fingerprint.hex() !== this.#found.checksum) throw changed();
    const tokens = allocate(this.#parts.length * PART + this.#count, this.#found.tokenizer);
    for (const [i, part] of this.#parts.entries()) tokens.set(part, i * PART);
    tokens.set(this.#part.subarray(0, this.#count), this.#parts.length * PART);
    return { tokens, checksum: this.#checksum.hex(), longestWord: this.#pieces.longestWord };
  }

  #add(ids: readonly number[]): void {
    this.#checksum.add(ids);
    for (let i = 0; i < ids.length; i++) {
      if (this.#count === PART) {
        this.#parts.push(this.#part);
        this.#part = allocate(PART, this.#found.tokenizer);
        this.#count = 0;
      }
      this.#part[this.#count++] = ids[i]!;
    }
  }
}

function allocate(count: number, { vocabulary }: Pick<Tokenizer, 'vocabulary'>): Uint8Array | Uint16Array {
  const bytesEach = vocabulary <= 256 ? 1 : 2;
  try {
    return bytesEach === 1 ? new Uint8Array(count) : new Uint16Array(count);
  } catch (cause) {
    throw new EngineError(
      'BAD_TEXT',
      `The ${count} tokens of the text need ${Math.ceil((count * bytesEach) / 2 ** 20)} MiB in one piece, and there is no room for them.`,
      'Close other pages, or use a shorter text.',
      { cause },
    );
  }
}

function changed(): EngineError {
  return new EngineError(
    'BAD_TEXT',
    'The text was changed while it was read.',
    'Give it again when it is complete.',
  );
}
