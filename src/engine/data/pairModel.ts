/** Vocabularies of bytes and joined pairs. A learned vocabulary and GPT-2's share this form. */
import { JoiningEncoder } from './joining.ts';

/** Number of ids that stand for single bytes. */
export const BYTES = 256;
/** Ids that a text's pairs are learned from are below 2^16, so that a pair fits in one number: first * PAIR + second. */
export const PAIR = 2 ** 16;

export interface PairModel {
  /** The byte of each of the first 256 ids. */
  readonly bytes: Uint8Array;
  /** The two ids of token 256, then of token 257, and so on, in the order in which pairs are joined. */
  readonly pairs: readonly number[];
  /** Names of the special tokens, whose ids follow the last pair. Encoding a text never produces one; a model may. */
  readonly special: readonly string[];
}

/** Builds a model from the pairs of `learnPairs`. The first 256 ids are the bytes in order. */
export function learnedModel(pairs: readonly number[]): PairModel {
  return { bytes: Uint8Array.from({ length: BYTES }, (_, byte) => byte), pairs, special: [] };
}

/** Returns the bytes that each id stands for. For a special token these are the bytes of its name. */
export function tokenBytes({ bytes, pairs, special }: PairModel): Uint8Array[] {
  const tokens = Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let i = 0; i < pairs.length; i += 2) {
    const first = tokens[pairs[i]!]!;
    const second = tokens[pairs[i + 1]!]!;
    const both = new Uint8Array(first.length + second.length);
    both.set(first);
    both.set(second, first.length);
    tokens.push(both);
  }
  return [...tokens, ...special.map((name) => new TextEncoder().encode(name))];
}

/** Encodes words by joining pairs of bytes. The pair that comes first in the list is joined first, from left to right. */
export class PairEncoder extends JoiningEncoder {
  /** Id of each byte. */
  readonly #ids = new Uint8Array(BYTES);

  constructor({ bytes, pairs }: Pick<PairModel, 'bytes' | 'pairs'>) {
    super();
    for (const [id, byte] of bytes.entries()) {
      this.#ids[byte] = id;
      this.addToken(id, 1);
    }
    for (let i = 0; i < pairs.length; i += 2) this.addPair(pairs[i]!, pairs[i + 1]!);
  }

  /** Adds the next token. */
  addPair(first: number, second: number): void {
    this.addMerge(first, second, this.tokens);
  }

  protected override idsOf(bytes: Uint8Array, length: number, ids: Int32Array, next: Int32Array): void {
    for (let at = 0; at < length; at++) {
      ids[at] = this.#ids[bytes[at]!]!;
      next[at] = at + 1;
    }
  }
}
