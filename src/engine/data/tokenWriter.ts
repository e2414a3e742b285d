/** The second pass over a text: it writes the ids into an array of the narrowest type that holds the vocabulary. */
import { EngineError } from '../core/errors.ts';
import type { TokenArray } from './batches.ts';
import { Checksum } from './checksum.ts';
import type { Span } from './longWord.ts';
import type { SurveyedText } from './survey.ts';
import { TextFingerprint } from './textFingerprint.ts';
import { type PieceJson, type TextReader, type Tokenizer, textReaders } from './tokenizer.ts';
import { Utf8Reader } from './utf8.ts';

export interface Written {
  readonly tokens: TokenArray;
  /** Checksum of byte-pair tokens; null for other tokenizers, whose tokens follow from the text's fingerprint. */
  readonly checksum: string | null;
  /** Characters of the longest word; 0 for tokenizers that do not cut words. */
  readonly longestWord: number;
}

export interface TokenWriter {
  /** @throws EngineError BAD_TEXT when the text has changed since the first pass; SpanTooShort */
  take(piece: Uint8Array): void;
  end(): Written;
}

export function tokenWriter(text: SurveyedText, span: Span): TokenWriter {
  const { json } = text.tokenizer;
  switch (json.kind) {
    case 'byte':
      return new ByteWriter(text);
    case 'char':
      return new CharacterWriter(text, json.characters);
    default:
      return new PieceWriter(text, json, span);
  }
}

class ByteWriter implements TokenWriter {
  readonly #tokens: TokenArray;
  #count = 0;
  #skip: number;

  constructor({ tokenizer, count, markBytes }: SurveyedText) {
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
  readonly #tokens: TokenArray;
  readonly #reader: Utf8Reader;
  /** The id of each code point; -1 for those that the first pass did not see. */
  readonly #ids: Int32Array;
  #count = 0;

  constructor({ name, tokenizer, count }: SurveyedText, characters: string) {
    this.#reader = new Utf8Reader(name);
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

/** Tokens in one part of a text whose length is not known yet. */
const PART = 2 ** 20;

/** Writes byte-pair tokens, whose number is known only at the end. They are in memory twice while the parts are joined. */
class PieceWriter implements TokenWriter {
  readonly #text: SurveyedText;
  readonly #reader: Utf8Reader;
  readonly #fingerprint = new TextFingerprint();
  readonly #pieces: TextReader;
  readonly #checksum = new Checksum();
  readonly #parts: TokenArray[] = [];
  #part: TokenArray;
  /** Tokens in `#part`. */
  #count = 0;

  constructor(text: SurveyedText, json: PieceJson, span: Span) {
    this.#text = text;
    this.#reader = new Utf8Reader(text.name);
    this.#part = allocate(PART, text.tokenizer);
    this.#pieces = textReaders(json)((ids) => this.#add(ids), span);
  }

  take(piece: Uint8Array): void {
    const codePoints = this.#reader.push(piece);
    this.#fingerprint.add(piece, this.#reader);
    this.#pieces.push(codePoints);
  }

  end(): Written {
    this.#pieces.end();
    if (this.#fingerprint.hex() !== this.#text.checksum) throw changed();
    const tokens = allocate(this.#parts.length * PART + this.#count, this.#text.tokenizer);
    for (const [i, part] of this.#parts.entries()) tokens.set(part, i * PART);
    tokens.set(this.#part.subarray(0, this.#count), this.#parts.length * PART);
    return { tokens, checksum: this.#checksum.hex(), longestWord: this.#pieces.longestWord };
  }

  #add(ids: readonly number[]): void {
    this.#checksum.add(ids);
    for (let i = 0; i < ids.length; i++) {
      if (this.#count === PART) {
        this.#parts.push(this.#part);
        this.#part = allocate(PART, this.#text.tokenizer);
        this.#count = 0;
      }
      this.#part[this.#count++] = ids[i]!;
    }
  }
}

function allocate(count: number, { vocabulary }: Pick<Tokenizer, 'vocabulary'>): TokenArray {
  const Ids = vocabulary <= 2 ** 8 ? Uint8Array : vocabulary <= 2 ** 16 ? Uint16Array : Uint32Array;
  try {
    return new Ids(count);
  } catch (cause) {
    throw new EngineError(
      'BAD_TEXT',
      `The ${count} tokens of the text need ${Math.ceil((count * Ids.BYTES_PER_ELEMENT) / 2 ** 20)} MiB in one piece, and the allocation failed.`,
      'Close other pages, or use a shorter text.',
      { cause },
    );
  }
}

function changed(): EngineError {
  return new EngineError(
    'BAD_TEXT',
    'The text changed while it was being read.',
    'Try again when nothing writes to it.',
  );
}
