/**
 * Splits a text by the patterns of a `tokenizer.json`, which are Oniguruma's. Hugging Face's library translates them to
 * JavaScript's; it is loaded when a tokenizer first has one.
 */
import { EngineError } from '../../core/errors.ts';
import { type Span, SpanTooShort } from '../longWord.ts';
import type { WordSink } from '../words.ts';
import { TokenizerProblem } from './components.ts';
import type { SplitPattern } from './words.ts';

/** A `Split` of the library. */
interface Splitter {
  pre_tokenize_text(text: string): string[];
}

let makeSplitter: ((pattern: SplitPattern) => Splitter) | null = null;

/** @throws EngineError TOKENIZER_UNAVAILABLE */
export async function loadPatterns(): Promise<void> {
  if (makeSplitter) return;
  const { SplitPreTokenizer } = await import('@huggingface/tokenizers').catch((cause: unknown) => {
    throw new EngineError(
      'TOKENIZER_UNAVAILABLE',
      `The library that reads a tokenizer's patterns could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Check the connection, and that the whole site is served.',
      { cause },
    );
  });
  makeSplitter = (pattern) =>
    new SplitPreTokenizer({ type: 'Split', pattern, behavior: 'Isolated', invert: false } as never);
}

/** Splits a whole text into words. */
export type SplitText = (text: string) => string[];

/**
 * @throws RangeError before {@link loadPatterns}; TokenizerProblem for a pattern that cannot be translated
 */
export function splitBy(patterns: readonly SplitPattern[]): SplitText {
  if (!makeSplitter) throw new RangeError("The library for a tokenizer's patterns is not loaded yet");
  const splitters = patterns.map(splitterOf);
  return (text) =>
    splitters.reduce<string[]>(
      (words, splitter) => words.flatMap((word) => splitter.pre_tokenize_text(word)),
      [text],
    );
}

function splitterOf(pattern: SplitPattern): Splitter {
  try {
    return makeSplitter!(pattern);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TokenizerProblem(`has a Split whose pattern cannot be read: ${reason}`, { cause });
  }
}

/** Largest text in UTF-16 code units that is searched for the end of one word. */
const LONGEST_SEARCHED = 2 ** 26;

/**
 * Splits a text that arrives in pieces, in bounded memory. A word is settled once the span goes on for a margin after it.
 * The last settled word is found again at the start of the next span; a pattern that looks further ahead than the margin
 * finds another one there.
 */
export class PatternWords {
  readonly #split: SplitText;
  readonly #sink: WordSink;
  readonly #span: Span;
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(2 ** 12);
  #held = '';
  /** The word that the held text must begin with, which has been passed on; null at the start. */
  #shared: string | null = null;
  #longest = 0;

  constructor(split: SplitText, sink: WordSink, span: Span) {
    this.#split = split;
    this.#sink = sink;
    this.#span = span;
  }

  /** UTF-16 code units of the longest word so far. */
  get longest(): number {
    return this.#longest;
  }

  /** @throws SpanTooShort */
  push(text: string): void {
    this.#held += text;
    if (this.#held.length >= this.#span.bytes) this.#advance();
  }

  /** @throws SpanTooShort */
  end(): void {
    const words = this.#words();
    for (const word of words) this.#take(word);
    this.#held = '';
    this.#shared = null;
  }

  #advance(): void {
    const settled = this.#held.length - this.#span.margin;
    let start = 0;
    let end = 0;
    let last: string | null = null;
    const shared = this.#shared;
    for (const word of this.#words()) {
      // The shared word has been passed on and lies before the words.
      if (end === 0 && shared !== null) end = shared.length;
      if (end + word.length > settled) break;
      start = end;
      end += word.length;
      last = word;
      this.#take(word);
    }
    if (last === null) {
      if (this.#held.length > LONGEST_SEARCHED) throw tooLong();
      throw new SpanTooShort();
    }
    this.#shared = last;
    this.#held = this.#held.slice(start);
  }

  /** The words of the held text after the shared one. */
  #words(): string[] {
    const words = this.#split(this.#held);
    if (this.#shared === null) return words;
    if (words[0] !== this.#shared) throw new SpanTooShort();
    return words.slice(1);
  }

  #take(word: string): void {
    if (this.#bytes.length < 3 * word.length) this.#bytes = new Uint8Array(6 * word.length);
    const { written } = this.#encoder.encodeInto(word, this.#bytes);
    this.#longest = Math.max(this.#longest, word.length);
    this.#sink.take(this.#bytes, written, true);
  }
}

function tooLong(): EngineError {
  return new EngineError(
    'BAD_TEXT',
    `The text has no end of a word within ${LONGEST_SEARCHED} characters.`,
    'Give a text with spaces or line breaks.',
  );
}
