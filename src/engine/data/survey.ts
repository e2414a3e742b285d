/** The first pass over a text: it collects the characters, their number, the fingerprint and the words to learn pairs from. */
import { EngineError } from '../core/errors.ts';
import { learnPairs } from './bpe.ts';
import { TextFingerprint } from './textFingerprint.ts';
import {
  createTokenizer,
  gpt2Json,
  MAX_VOCABULARY,
  pairTokens,
  type Tokenizer,
  type TokenizerChoice,
  type TokenizerJson,
  unknownCharactersError,
} from './tokenizer.ts';
import { Utf8Reader } from './utf8.ts';
import { EndMarks, LearnedWords } from './wordPieces.ts';

/** The result of the first pass, from which the second pass writes the tokens. */
export interface SurveyedText {
  /** Of the text, for messages. */
  readonly name: string;
  readonly tokenizer: Tokenizer;
  /** Number of tokens; null for byte-pair tokenizers, whose tokens are only counted in the second pass. */
  readonly count: number | null;
  readonly bytes: number;
  readonly markBytes: number;
  readonly checksum: string;
  /** Occurrences of `<|endoftext|>` in the text. */
  readonly endMarks: number;
  /** Bytes of words that were left out of learning pairs, because the table of words was full. */
  readonly unlearned: number;
  /** Whether the text has a character on which JavaScript's `\s` and Unicode's White_Space disagree. */
  readonly hasOddSpace: boolean;
}

/** Progress of learning pairs: `pairs` learned so far, of at most `of`. */
export interface Learning {
  readonly pairs: number;
  readonly of: number;
}

const CODE_POINTS = 0x110000;
/** U+0085 and U+FEFF. */
const ODD_SPACES = [0x85, 0xfeff];

export class Survey {
  readonly #name: string;
  readonly #reader: Utf8Reader;
  readonly #fingerprint = new TextFingerprint();
  readonly #seen = new Uint8Array(CODE_POINTS);
  #largest = 0;
  #characters = 0;
  readonly #endMarks = new EndMarks();
  /** The kind of tokenizer to fit to the text; null when the tokenizer already exists. */
  readonly #choice: TokenizerChoice | null;
  readonly #given: TokenizerJson | null;
  /** The words to learn pairs from; null when no pairs are learned. */
  readonly #words: LearnedWords | null;

  /**
   * @param name of the text, for messages
   * @throws EngineError BAD_VALUE for the tokenizer of a model where none is given
   */
  constructor(name: string, kind: TokenizerChoice | TokenizerJson) {
    this.#name = name;
    this.#reader = new Utf8Reader(name);
    if (kind === 'model') throw noModel();
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

  /** Makes the tokenizer. While it learns pairs it yields its progress every few milliseconds. */
  *fit(): Generator<Learning, SurveyedText> {
    const json = this.#given ? this.#checked(this.#given) : yield* this.#fitted(this.#choice!);
    const { bytes, markBytes } = this.#reader;
    return {
      name: this.#name,
      tokenizer: createTokenizer(json),
      count: json.kind === 'byte' ? bytes : json.kind === 'char' ? this.#characters : null,
      bytes,
      markBytes,
      checksum: this.#fingerprint.hex(),
      endMarks: this.#endMarks.count,
      unlearned: this.#words?.omittedBytes ?? 0,
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
    if (unknown.length > 0) throw unknownCharactersError(known.size, unknown);
    return json;
  }

  get #seenCodePoints(): Uint8Array {
    return this.#seen.subarray(0, this.#largest + 1);
  }
}

function noModel(): EngineError {
  return new EngineError(
    'BAD_VALUE',
    'tokenizer is "model", but no model with a tokenizer of its own is given.',
    'Give the model that the run starts from (--init), or another tokenizer.',
  );
}

/** The characters in ascending order, so that ids do not depend on where in the text a character first occurs. */
function charactersOf(seen: Uint8Array): string {
  const characters: string[] = [];
  for (let codePoint = 0; codePoint < seen.length; codePoint++) {
    if (seen[codePoint]) characters.push(String.fromCodePoint(codePoint));
  }
  if (characters.length > MAX_VOCABULARY) {
    throw new EngineError(
      'BAD_TEXT',
      `The text has ${characters.length} different characters; a character tokenizer holds at most ${MAX_VOCABULARY}.`,
      'Train with the byte tokenizer, which needs 256 tokens for any text.',
    );
  }
  return characters.join('');
}
