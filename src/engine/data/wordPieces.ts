/** What tokenizing in pieces of words keeps between the pieces of a text. */
import { EngineError } from '../errors.ts';
import { LONGEST_LEARNED_WORD, WordCutter } from './bpe.ts';
import { PairEncoder } from './pairModel.ts';
import { pairModel, type TokenizerJson, wordCutter } from './tokenizer.ts';

/** Different words are held in memory, and in the worst text no two are alike. */
const MOST_CHARACTERS_OF_WORDS = 2 ** 26;

/** How often each word of a text occurs. */
export class WordCounts {
  readonly #counts = new Map<string, number>();
  readonly #cutter = new WordCutter(LONGEST_LEARNED_WORD);
  #characters = 0;

  take(codePoints: Uint32Array): void {
    this.#characters += codePoints.length;
    if (this.#characters > MOST_CHARACTERS_OF_WORDS) {
      throw new EngineError(
        'BAD_TEXT',
        `The text has more than ${MOST_CHARACTERS_OF_WORDS} characters; pieces of words are learned from fewer.`,
        'Train with the byte tokenizer, or cut the text.',
      );
    }
    this.#count(this.#cutter.push(textOf(codePoints)));
  }

  end(): ReadonlyMap<string, number> {
    this.#count(this.#cutter.end());
    return this.#counts;
  }

  #count(words: readonly string[]): void {
    for (const word of words) this.#counts.set(word, (this.#counts.get(word) ?? 0) + 1);
  }
}

/** Turns a text that comes in pieces into the ids of its words. */
export class PieceReader {
  readonly #cutter: WordCutter;
  readonly #encoder: PairEncoder;

  constructor(cutter: WordCutter, encoder: PairEncoder) {
    this.#cutter = cutter;
    this.#encoder = encoder;
  }

  push(codePoints: Uint32Array): (readonly number[])[] {
    return this.#cutter.push(textOf(codePoints)).map((word) => this.#encoder.word(word));
  }

  end(): (readonly number[])[] {
    return this.#cutter.end().map((word) => this.#encoder.word(word));
  }
}

/** Null where tokens are no pieces of words. */
export function pieceReader(json: TokenizerJson): PieceReader | null {
  if (json.kind !== 'bpe' && json.kind !== 'gpt2') return null;
  return new PieceReader(wordCutter(json), new PairEncoder(pairModel(json)));
}

/** Tokens of a text whose words were counted. */
export function countTokens(words: ReadonlyMap<string, number>, json: TokenizerJson): number {
  const encoder = new PairEncoder(pairModel(json)!);
  let tokens = 0;
  for (const [word, count] of words) tokens += count * encoder.word(word).length;
  return tokens;
}

/** In parts: a call takes only so many arguments. */
function textOf(codePoints: Uint32Array): string {
  let text = '';
  for (let at = 0; at < codePoints.length; at += 4096) {
    text += String.fromCodePoint(...codePoints.subarray(at, at + 4096));
  }
  return text;
}
