/**
 * Cuts a text into GPT-2's words: contractions, letters, digits, other signs with a space before them, and white space.
 * The pattern, as exported files name it (`ByteLevel` with `use_regex`), is OpenAI's
 *
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * in which `\s` is Unicode's White_Space. JavaScript's `\s` is another set: it has U+FEFF and lacks U+0085.
 */

const WHITE = 1;
const LETTER = 2;
const NUMBER = 3;
const SIGN = 4;
const KINDS: readonly (readonly [kind: number, pattern: RegExp])[] = [
  [WHITE, /\p{White_Space}/u],
  [LETTER, /\p{L}/u],
  [NUMBER, /\p{N}/u],
];
const CODE_POINTS = 0x110000;
/** The kind of each code point, 0 where it was not asked for yet. */
let kinds: Uint8Array | null = null;

function kindOf(codePoint: number): number {
  kinds ??= new Uint8Array(CODE_POINTS);
  const known = kinds[codePoint]!;
  if (known !== 0) return known;
  const character = String.fromCodePoint(codePoint);
  const kind = KINDS.find(([, pattern]) => pattern.test(character))?.[0] ?? SIGN;
  kinds[codePoint] = kind;
  return kind;
}

/** Receives words as UTF-8. */
export interface WordSink {
  /**
   * The first `length` bytes of `bytes`, which are the reader's own and valid until the call returns.
   * @param ends false where more of the same word follows
   */
  take(bytes: Uint8Array, length: number, ends: boolean): void;
}

const SPACE = 0x20;
const APOSTROPHE = 0x27;
const MOST_BYTES_OF_CHARACTER = 4;
const NOTHING = -1;
/** Letters that end a contraction, alone and after another. */
const ENDINGS = new Set([...'sdmt'].map((letter) => letter.charCodeAt(0)));
const LONG_ENDINGS = new Map([...['ll', 've', 're']].map((word) => [word.charCodeAt(0), word.charCodeAt(1)]));

/**
 * Reads a text in pieces and hands over its words, the same ones wherever the pieces end. What it holds does not grow
 * with the length of a word: one of more than `most` characters is handed over in parts of so many.
 */
export class WordReader {
  readonly #sink: WordSink;
  readonly #most: number;
  readonly #bytes: Uint8Array;
  #length = 0;
  /** Characters in `#bytes`, and of the whole word. */
  #characters = 0;
  #wordCharacters = 0;
  #longest = 0;
  /** Kind of the word that is being read; 0 between words. */
  #kind = 0;
  /** The last character of white space: it may belong to the next word. */
  #held = NOTHING;
  /** After an apostrophe that begins a word: 1, and 2 with the first of two letters, which is in `#first`. */
  #contraction = 0;
  #first = 0;

  constructor(sink: WordSink, most: number) {
    this.#sink = sink;
    this.#most = most;
    this.#bytes = new Uint8Array(most * MOST_BYTES_OF_CHARACTER);
  }

  /** Characters of the longest word so far. */
  get longest(): number {
    return Math.max(this.#longest, this.#wordCharacters);
  }

  push(codePoints: ArrayLike<number>): void {
    for (let i = 0; i < codePoints.length; i++) this.pushOne(codePoints[i]!);
  }

  pushOne(codePoint: number): void {
    if (this.#contraction > 0 && this.#contract(codePoint)) return;
    const kind = kindOf(codePoint);
    if (kind === WHITE) {
      if (this.#kind !== WHITE) this.#end();
      this.#kind = WHITE;
      if (this.#held !== NOTHING) this.#append(this.#held);
      this.#held = codePoint;
      return;
    }
    if (this.#kind === WHITE) this.#endWhite();
    if (this.#kind !== kind) {
      if (this.#kind !== 0) this.#end();
      // A space that was left to this word stands before the apostrophe.
      if (this.#length === 0 && codePoint === APOSTROPHE) this.#contraction = 1;
      this.#kind = kind;
    }
    this.#append(codePoint);
  }

  /** Ends the text: what follows is another. */
  end(): void {
    if (this.#contraction === 2) this.#giveUpContraction();
    this.#contraction = 0;
    if (this.#held !== NOTHING) this.#append(this.#held);
    this.#held = NOTHING;
    this.#end();
  }

  /** Whether the character is a part of what may be a contraction. */
  #contract(codePoint: number): boolean {
    if (this.#contraction === 1) {
      this.#contraction = 0;
      if (ENDINGS.has(codePoint)) {
        this.#append(codePoint);
        this.#end();
        return true;
      }
      if (!LONG_ENDINGS.has(codePoint)) return false;
      this.#contraction = 2;
      this.#first = codePoint;
      return true;
    }
    if (codePoint !== LONG_ENDINGS.get(this.#first)) {
      this.#giveUpContraction();
      return false;
    }
    this.#contraction = 0;
    this.#append(this.#first);
    this.#append(codePoint);
    this.#end();
    return true;
  }

  /** The apostrophe was a sign, and the letter after it begins a word. */
  #giveUpContraction(): void {
    this.#contraction = 0;
    this.#end();
    this.#kind = LETTER;
    this.#append(this.#first);
  }

  /** White space before something else: its last character stands alone, or belongs to the next word if it is a space. */
  #endWhite(): void {
    const last = this.#held;
    this.#held = NOTHING;
    this.#end();
    this.#append(last);
    if (last !== SPACE) this.#end();
  }

  #append(codePoint: number): void {
    if (this.#characters === this.#most) this.#hand(false);
    this.#characters += 1;
    this.#wordCharacters += 1;
    const bytes = this.#bytes;
    let at = this.#length;
    if (codePoint < 0x80) bytes[at++] = codePoint;
    else if (codePoint < 0x800) bytes[at++] = 0xc0 | (codePoint >> 6);
    else {
      if (codePoint < 0x10000) bytes[at++] = 0xe0 | (codePoint >> 12);
      else {
        bytes[at++] = 0xf0 | (codePoint >> 18);
        bytes[at++] = 0x80 | ((codePoint >> 12) & 0x3f);
      }
      bytes[at++] = 0x80 | ((codePoint >> 6) & 0x3f);
    }
    if (codePoint >= 0x80) bytes[at++] = 0x80 | (codePoint & 0x3f);
    this.#length = at;
  }

  #end(): void {
    this.#kind = 0;
    if (this.#length === 0) return;
    this.#hand(true);
    this.#longest = Math.max(this.#longest, this.#wordCharacters);
    this.#wordCharacters = 0;
  }

  #hand(ends: boolean): void {
    this.#sink.take(this.#bytes, this.#length, ends);
    this.#length = 0;
    this.#characters = 0;
  }
}
