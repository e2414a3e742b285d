/** First reading of a text: which characters there are, how many, its fingerprint, and the words that pairs are learned from. */
import { EngineError } from '../core/errors.ts';
import { learnPairs } from './bpe.ts';
import { TextFingerprint } from './textFingerprint.ts';
import {
  createTokenizer,
  gpt2Json,
  MOST_SYMBOLS,
  notAmong,
  pairTokens,
  type Tokenizer,
  type TokenizerChoice,
  type TokenizerJson,
} from './tokenizer.ts';
import { Utf8Reader } from './utf8.ts';
import { EndMarks, LearnedWords } from './wordPieces.ts';

export interface Found {
  readonly tokenizer: Tokenizer;
  /** Tokens of the text; null where they are pieces of words, which are counted as they are made. */
  readonly count: number | null;
  readonly bytes: number;
  readonly markBytes: number;
  readonly checksum: string;
  /** Times that the text has `<|endoftext|>`. */
  readonly endMarks: number;
  /** Bytes of the text that no pair was learned from. */
  readonly unlearned: number;
  /** Whether the text has characters that JavaScript's `\s` takes for white space and Unicode does not, or the reverse. */
  readonly hasOddSpace: boolean;
}

/** Pairs learned so far, of at most so many. */
export interface Learning {
  readonly pairs: number;
  readonly of: number;
}

const CODE_POINTS = 0x110000;
/** U+0085 and U+FEFF. */
const ODD_SPACES = [0x85, 0xfeff];

export class Survey {
  readonly #reader = new Utf8Reader();
  readonly #fingerprint = new TextFingerprint();
  readonly #seen = new Uint8Array(CODE_POINTS);
  #largest = 0;
  #characters = 0;
  readonly #endMarks = new EndMarks();
  /** What is fitted to the text; null where the tokenizer is there already. */
  readonly #choice: TokenizerChoice | null;
  readonly #given: TokenizerJson | null;
  /** Of a text that pairs are learned from. */
  readonly #words: LearnedWords | null;

  constructor(kind: TokenizerChoice | TokenizerJson) {
    this.#given = typeof kind === 'object' ? kind : gpt2Json(kind);
    this.#choice = typeof kind === 'object' || this.#given ? null : kind;
    this.#words = this.#choice && pairTokens(this.#choice) !== null ? new LearnedWords() : null;
  }

  take(piece: Uint8Array): void {
    const codePoints = this.#reader.push(piece);
    let largest = this.#largest;
    for (let i = 0; i < codePoints.length; i++) {
      const codePoint = codePoints[i]!;
      this.#seen[codePoint] = 1;
      if (codePoint > largest) largest = codePoint;
    }
    this.#largest = largest;
    this.#characters += codePoints.length;
    this.#fingerprint.add(piece, this.#reader);
    this.#endMarks.push(codePoints);
    this.#words?.push(codePoints);
  }

  /** Ends the text. @returns its fingerprint */
  end(): string {
    this.#reader.end();
    this.#words?.end();
    return this.#fingerprint.hex();
  }

  /** Makes the tokenizer. Yields some milliseconds after some milliseconds, with what was learned. */
  *fit(): Generator<Learning, Found> {
    const json = this.#given ? this.#checked(this.#given) : yield* this.#fitted(this.#choice!);
    const { bytes, markBytes } = this.#reader;
    return {
      tokenizer: createTokenizer(json),
      count: json.kind === 'byte' ? bytes : json.kind === 'char' ? this.#characters : null,
      bytes,
      markBytes,
      checksum: this.#fingerprint.hex(),
      endMarks: this.#endMarks.count,
      unlearned: this.#words?.left ?? 0,
      hasOddSpace: ODD_SPACES.some((codePoint) => this.#seen[codePoint] === 1),
    };
  }

  *#fitted(choice: TokenizerChoice): Generator<Learning, TokenizerJson> {
    if (choice === 'byte') return { kind: 'byte' };
    if (!this.#words) return { kind: 'char', characters: charactersOf(this.#seenCodePoints) };
    const vocabulary = pairTokens(choice)!;
    const learning = learnPairs(this.#words, vocabulary);
    const of = vocabulary - 256;
    for (let step = learning.next(); ; step = learning.next()) {
      if (step.done) return { kind: 'bpe', pairs: step.value };
      yield { pairs: step.value, of };
    }
  }

  #checked(json: TokenizerJson): TokenizerJson {
    if (json.kind !== 'char') return json;
    const known = new Set(json.characters);
    const unknown: string[] = [];
    this.#seenCodePoints.forEach((seen, codePoint) => {
      if (seen && !known.has(String.fromCodePoint(codePoint))) unknown.push(String.fromCodePoint(codePoint));
    });
    if (unknown.length > 0) throw notAmong(known.size, unknown);
    return json;
  }

  get #seenCodePoints(): Uint8Array {
    return this.#seen.subarray(0, this.#largest + 1);
  }
}

/** Ascending, so that equal texts have equal ids whatever their order. */
function charactersOf(seen: Uint8Array): string {
  const characters: string[] = [];
  for (let codePoint = 0; codePoint < seen.length; codePoint++) {
    if (seen[codePoint]) characters.push(String.fromCodePoint(codePoint));
  }
  if (characters.length > MOST_SYMBOLS) {
    throw new EngineError(
      'BAD_TEXT',
      `The text has ${characters.length} different characters; at most ${MOST_SYMBOLS} can be tokens of their own.`,
      'Train with the byte tokenizer, which needs 256 tokens for any text.',
    );
  }
  return characters.join('');
}
