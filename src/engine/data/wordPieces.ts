/** Byte-pair tokens of a text that arrives in pieces: the words to learn pairs from, and the ids of the text. */
import type { CountedWords } from './bpe.ts';
import { GPT2_END, GPT2_END_ID } from './gpt2.ts';
import type { JoiningEncoder } from './joining.ts';
import { FIRST_SPAN, LongWord, type Span, SpanTooShort, wider } from './longWord.ts';
import type { PairEncoder } from './pairModel.ts';
import { WordReader, type WordSink } from './words.ts';
import { WordTable } from './wordTable.ts';

/**
 * Longest word in characters that pairs are learned from; longer words are cut. Only learning cuts them: encoding a text
 * with the learned pairs does not.
 */
const LONGEST_LEARNED_WORD = 64;
/** Total bytes of the distinct words that pairs are learned from. Learning takes at least 22 times as much memory. */
export const MAX_LEARNED_BYTES = 2 ** 23;

/** Counts the words of a text to learn pairs from. Once the table is full, new words are left out. */
export class LearnedWords implements WordSink, CountedWords {
  readonly #table: WordTable;
  readonly #reader = new WordReader(this, LONGEST_LEARNED_WORD);
  #counts = new Uint32Array(1024);
  #omittedBytes = 0;

  /** @param mostBytes limit on the total bytes of the distinct words */
  constructor(mostBytes = MAX_LEARNED_BYTES) {
    this.#table = new WordTable(mostBytes);
  }

  get size(): number {
    return this.#table.size;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  /** Bytes of the words that were left out. */
  get omittedBytes(): number {
    return this.#omittedBytes;
  }

  word(index: number): Uint8Array {
    return this.#table.word(index);
  }

  count(index: number): number {
    return this.#counts[index]!;
  }

  push(codePoints: Uint32Array): void {
    this.#reader.push(codePoints);
  }

  end(): void {
    this.#reader.end();
  }

  take(bytes: Uint8Array, length: number): void {
    const index = this.#table.add(bytes, length);
    if (index < 0) {
      this.#omittedBytes += length;
      return;
    }
    if (index === this.#counts.length) {
      const larger = new Uint32Array(2 * index);
      larger.set(this.#counts);
      this.#counts = larger;
    }
    this.#counts[index]! += 1;
  }
}

/** Longest word in characters that is encoded at once. Longer words are encoded span by span. */
export const LONGEST_WHOLE_WORD = 256;
const CACHED_WORDS = 2 ** 17;
const CACHED_BYTES = 2 ** 22;

const END_MARK = Array.from(GPT2_END, (character) => character.charCodeAt(0));

/** Encodes words, whose ids it passes on a few at a time. */
export class WordTokens implements WordSink {
  readonly #encoder: JoiningEncoder;
  readonly #take: (ids: readonly number[]) => void;
  readonly #span: Span;
  readonly #cached = new WordTable(CACHED_BYTES, CACHED_WORDS);
  readonly #cachedIds: number[][] = [];
  #long: LongWord | null = null;
  #inLong = false;

  constructor(encoder: JoiningEncoder, take: (ids: readonly number[]) => void, span: Span) {
    this.#encoder = encoder;
    this.#take = take;
    this.#span = span;
  }

  /** @throws SpanTooShort */
  take(bytes: Uint8Array, length: number, ends: boolean): void {
    if (ends && !this.#inLong) {
      this.#take(this.#idsOf(bytes, length));
      return;
    }
    this.#long ??= new LongWord(this.#encoder, this.#span);
    this.#inLong = !ends;
    this.#take(this.#long.push(bytes, length));
    if (ends) this.#take(this.#long.end());
  }

  #idsOf(bytes: Uint8Array, length: number): readonly number[] {
    const index = this.#cached.add(bytes, length);
    if (index < 0) return this.#encoder.encodeWord(bytes, length);
    this.#cachedIds[index] ??= this.#encoder.encodeWord(bytes, length);
    return this.#cachedIds[index];
  }
}

export interface PieceOptions {
  /** Whether `<|endoftext|>` becomes GPT-2's special token; else it is ordinary text. */
  readonly endOfText: boolean;
  readonly span?: Span;
}

/** Encodes a text that arrives in pieces. The ids do not depend on where the pieces end. */
export class PieceReader {
  readonly #reader: WordReader;
  readonly #take: (ids: readonly number[]) => void;
  readonly #endOfText: boolean;
  /** Number of characters of the end mark that the text has just matched. */
  #marked = 0;

  /** @param take receives the ids of the text, a few at a time */
  constructor(encoder: PairEncoder, take: (ids: readonly number[]) => void, options: PieceOptions) {
    this.#reader = new WordReader(
      new WordTokens(encoder, take, options.span ?? FIRST_SPAN),
      LONGEST_WHOLE_WORD,
    );
    this.#take = take;
    this.#endOfText = options.endOfText;
  }

  /** Characters of the longest word so far. */
  get longestWord(): number {
    return this.#reader.longest;
  }

  /** @throws SpanTooShort */
  push(codePoints: ArrayLike<number>): void {
    if (!this.#endOfText) this.#reader.push(codePoints);
    else for (let i = 0; i < codePoints.length; i++) this.#pushOne(codePoints[i]!);
  }

  /** @throws SpanTooShort */
  end(): void {
    this.#pushMarked();
    this.#reader.end();
  }

  #pushOne(codePoint: number): void {
    if (codePoint === END_MARK[this.#marked]) {
      this.#marked += 1;
      if (this.#marked < END_MARK.length) return;
      this.#marked = 0;
      this.#reader.end();
      this.#take([GPT2_END_ID]);
      return;
    }
    this.#pushMarked();
    // The first character of the mark occurs only once in it, so a failed match can only restart here.
    if (codePoint === END_MARK[0]) this.#marked = 1;
    else this.#reader.pushOne(codePoint);
  }

  #pushMarked(): void {
    this.#reader.push(END_MARK.slice(0, this.#marked));
    this.#marked = 0;
  }
}

/** Calls `read` with wider and wider spans until one is wide enough. */
export function withSpan<Result>(read: (span: Span) => Result): Result {
  for (let span = FIRST_SPAN; ; span = wider(span)) {
    try {
      return read(span);
    } catch (cause) {
      if (!(cause instanceof SpanTooShort)) throw cause;
    }
  }
}

/** Counts `<|endoftext|>` in a text that arrives in pieces. */
export class EndMarks {
  count = 0;
  #marked = 0;

  push(codePoints: Uint32Array): void {
    let marked = this.#marked;
    for (let i = 0; i < codePoints.length; i++) {
      const codePoint = codePoints[i]!;
      if (codePoint === END_MARK[marked]) marked += 1;
      else if (marked > 0) marked = codePoint === END_MARK[0] ? 1 : 0;
      if (marked < END_MARK.length) continue;
      marked = 0;
      this.count += 1;
    }
    this.#marked = marked;
  }
}
