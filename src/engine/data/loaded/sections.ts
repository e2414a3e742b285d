/**
 * A section is the text between two added tokens. What arrives in pieces is normalised, split into words and passed to
 * what encodes them.
 */
import type { Span } from '../longWord.ts';
import { LONGEST_WHOLE_WORD, type WordTokens } from '../wordPieces.ts';
import { isNumber, WordReader } from '../words.ts';
import { type CharacterRule, SPACE_MARK } from './characters.ts';
import { PatternWords, splitBy } from './patterns.ts';
import type { LoadedModel, WordRule } from './tokenizerFile.ts';
import type { Digits } from './words.ts';

export interface Section {
  /** Longest word so far, in characters. */
  readonly longest: number;
  push(text: string): void;
  /** Ends the section. Further text begins the next one. */
  end(): void;
}

export type MakeSection = (sink: WordTokens, span: Span) => Section;

/**
 * Returns a function that makes sections, which share what the patterns were translated to.
 * @throws RangeError before `loadPatterns` where the tokenizer has patterns; TokenizerProblem for one that cannot be
 * translated
 */
export function sectionsOf({ words, composes }: LoadedModel): MakeSection {
  const make = plainSections(words);
  return composes ? (sink, span) => new Composed(make(sink, span)) : make;
}

function plainSections(words: WordRule): MakeSection {
  if (words.kind === 'characters') return (sink) => new MarkedText(words, sink);
  if (words.kind === 'gpt2') return (sink) => new Gpt2Words(words.digits, sink);
  const split = splitBy(words.patterns);
  return (sink, span) => new PatternWords(split, sink, span);
}

/** Normal form C. A text is cut before characters that never combine with the one before. */
class Composed implements Section {
  readonly #to: Section;
  #held = '';

  constructor(to: Section) {
    this.#to = to;
  }

  get longest(): number {
    return this.#to.longest;
  }

  push(text: string): void {
    this.#held += text;
    let cut = this.#held.length - 1;
    while (cut > 0 && !beginsAnew(this.#held.charCodeAt(cut))) cut -= 1;
    if (cut <= 0) return;
    this.#to.push(this.#held.slice(0, cut).normalize('NFC'));
    this.#held = this.#held.slice(cut);
  }

  end(): void {
    if (this.#held !== '') this.#to.push(this.#held.normalize('NFC'));
    this.#held = '';
    this.#to.end();
  }
}

/** Whether no character combines with this one from before: Latin letters and signs, ideographs, Hangul syllables. */
function beginsAnew(codeUnit: number): boolean {
  return (
    codeUnit < 0x300 ||
    (codeUnit >= 0x3400 && codeUnit <= 0x9fff) ||
    (codeUnit >= 0xac00 && codeUnit <= 0xd7a3)
  );
}

/** GPT-2's words, with digits apart where the tokenizer splits them off before. */
class Gpt2Words implements Section {
  readonly #reader: WordReader;
  readonly #digits: Digits;
  #inDigits = false;

  constructor(digits: Digits, sink: WordTokens) {
    this.#digits = digits;
    this.#reader = new WordReader(sink, LONGEST_WHOLE_WORD);
  }

  get longest(): number {
    return this.#reader.longest;
  }

  push(text: string): void {
    for (const character of text) {
      const codePoint = character.codePointAt(0)!;
      if (this.#digits !== 'none') this.#separate(isNumber(codePoint));
      this.#reader.pushOne(codePoint);
    }
  }

  end(): void {
    this.#inDigits = false;
    this.#reader.end();
  }

  /** Ends the text that is split on its own before a digit and after it. */
  #separate(isDigit: boolean): void {
    if (isDigit !== this.#inDigits || (isDigit && this.#digits === 'each')) this.#reader.end();
    this.#inDigits = isDigit;
  }
}

/** Code units of a word that are held until it is known whether it ends. */
const HELD = 2 ** 12;

/** A text whose spaces are written as marks: one word a section, or one for each mark. */
class MarkedText implements Section {
  readonly #rule: CharacterRule;
  readonly #sink: WordTokens;
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(0);
  #held = '';
  #begun = false;
  #isFirst = true;
  /** Characters are not split into words that could be cut differently. */
  readonly longest = 0;

  constructor(rule: CharacterRule, sink: WordTokens) {
    this.#rule = rule;
    this.#sink = sink;
  }

  push(text: string): void {
    if (text === '') return;
    const marked = text.replaceAll(' ', SPACE_MARK);
    if (!this.#begun && this.#hasPrefix(marked)) this.#add(SPACE_MARK);
    this.#begun = true;
    this.#add(marked);
  }

  end(): void {
    if (this.#begun) this.#pass(this.#held, true);
    this.#held = '';
    this.#begun = false;
    this.#isFirst = false;
  }

  #hasPrefix(marked: string): boolean {
    const { prefix } = this.#rule;
    if (prefix === 'every' || prefix === 'none') return prefix === 'every';
    return !marked.startsWith(SPACE_MARK) && (prefix === 'unspaced' || this.#isFirst);
  }

  #add(marked: string): void {
    if (!this.#rule.splits) {
      this.#pass(marked, false);
      return;
    }
    const [rest, ...words] = marked.split(SPACE_MARK);
    this.#hold(rest!);
    for (const word of words) {
      this.#pass(this.#held, true);
      this.#held = '';
      this.#hold(SPACE_MARK + word);
    }
  }

  #hold(text: string): void {
    this.#held += text;
    if (this.#held.length < HELD) return;
    this.#pass(this.#held, false);
    this.#held = '';
  }

  #pass(text: string, ends: boolean): void {
    if (this.#bytes.length < 3 * text.length) this.#bytes = new Uint8Array(3 * text.length);
    const { written } = this.#encoder.encodeInto(text, this.#bytes);
    this.#sink.take(this.#bytes, written, ends);
  }
}
