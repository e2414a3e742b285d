/**
 * Splits a text into words as GPT-2 does: contractions, letters, digits and other signs, each with an optional space
 * before it, and white space. The pattern (`ByteLevel` with `use_regex` in exported files) is OpenAI's
 *
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * where `\s` is Unicode's White_Space. JavaScript's `\s` differs: it includes U+FEFF and lacks U+0085.
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
/** Cache of the kind of each code point; 0 where it has not been computed yet. */
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

/** Whether a character is a number of any kind: a digit, a fraction or a Roman numeral. */
export function isNumber(codePoint: number): boolean {
  return kindOf(codePoint) === NUMBER;
}

/** Receives words in UTF-8. */
export interface WordSink {
  /**
   * Takes the first `length` bytes of `bytes`. The reader reuses the array after the call returns.
   * @param ends false when more of the same word follows
   */
  take(bytes: Uint8Array, length: number, ends: boolean): void;
}

const SPACE = 0x20;
const APOSTROPHE = 0x27;
const MAX_CHARACTER_BYTES = 4;
const NOTHING = -1;
/** Contractions of one letter ('s) and of two ('ll), the latter as a map from the first letter to the second. */
const ENDINGS = new Set([...'sdmt'].map((letter) => letter.charCodeAt(0)));
const LONG_ENDINGS = new Map([...['ll', 've', 're']].map((word) => [word.charCodeAt(0), word.charCodeAt(1)]));

/**
 * Reads a text in pieces and passes its words to a sink. The words do not depend on where the pieces end. Memory is
 * bounded: a word of more than `most` characters is passed in parts of that many.
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
  /** Kind of the current word; 0 between words. */
  #kind = 0;
  /** The last white-space character, which may belong to the next word. */
  #held = NOTHING;
  /** 1 after an apostrophe that begins a word; 2 after the first letter of a two-letter contraction, which `#first` holds. */
  #contraction = 0;
  #first = 0;

  constructor(sink: WordSink, most: number) {
    this.#sink = sink;
    this.#most = most;
    this.#bytes = new Uint8Array(most * MAX_CHARACTER_BYTES);
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
      // If the word already has a space before the apostrophe, it is not a contraction.
      if (this.#length === 0 && codePoint === APOSTROPHE) this.#contraction = 1;
      this.#kind = kind;
    }
    this.#append(codePoint);
  }

  /** Ends the text. Further characters begin a new text. */
  end(): void {
    if (this.#contraction === 2) this.#giveUpContraction();
    this.#contraction = 0;
    if (this.#held !== NOTHING) this.#append(this.#held);
    this.#held = NOTHING;
    this.#end();
  }

  /** Continues a possible contraction. @returns whether it used the character */
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

  /** Ends the apostrophe as a sign of its own and begins a new word with the letter after it. */
  #giveUpContraction(): void {
    this.#contraction = 0;
    this.#end();
    this.#kind = LETTER;
    this.#append(this.#first);
  }

  /** Ends white space before a word. Its last character becomes a word of its own, or part of the next word if it is a space. */
  #endWhite(): void {
    const last = this.#held;
    this.#held = NOTHING;
    this.#end();
    this.#append(last);
    if (last !== SPACE) this.#end();
  }

  #append(codePoint: number): void {
    if (this.#characters === this.#most) this.#flush(false);
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
    this.#flush(true);
    this.#longest = Math.max(this.#longest, this.#wordCharacters);
    this.#wordCharacters = 0;
  }

  #flush(ends: boolean): void {
    this.#sink.take(this.#bytes, this.#length, ends);
    this.#length = 0;
    this.#characters = 0;
  }
}
