/** Tokens made of bytes by joining pairs: what a learned vocabulary and GPT-2's own have in common. */

/** Ids of single bytes. */
export const BYTES = 256;
/** Ids are below 2^16: a pair is one number. */
export const PAIR = 2 ** 16;
const CACHED_WORDS = 2 ** 17;
/** More bytes than a word has: a rank and a place are one number. */
const PLACES = 2 ** 26;

export interface PairModel {
  /** The byte of each of the first 256 ids. */
  readonly bytes: Uint8Array;
  /** The two ids of token 256, of token 257, and so on, in the order in which pairs are joined. */
  readonly pairs: readonly number[];
  /** Names of the ids after the last pair. No text gives one; a model may write it. */
  readonly special: readonly string[];
}

/** Of pairs as `learnPairs` returns them: the first 256 ids are the bytes in their order. */
export function learnedModel(pairs: readonly number[]): PairModel {
  return { bytes: Uint8Array.from({ length: BYTES }, (_, byte) => byte), pairs, special: [] };
}

/** The bytes that each id stands for, as text: those of a special token's name. */
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

/** Joins pairs: within a word always the first of the list that fits, from left to right. */
export class PairEncoder {
  /** Id of each byte. */
  readonly #ids = new Uint8Array(BYTES);
  /** Id of each pair. */
  readonly #joined = new Map<number, number>();
  readonly #cache = new Map<string, readonly number[]>();
  readonly #encoder = new TextEncoder();

  constructor({ bytes, pairs }: Pick<PairModel, 'bytes' | 'pairs'>) {
    for (const [id, byte] of bytes.entries()) this.#ids[byte] = id;
    for (let i = 0; i < pairs.length; i += 2) this.addPair(pairs[i]!, pairs[i + 1]!);
  }

  /** Makes the next token. */
  addPair(first: number, second: number): void {
    this.#joined.set(first * PAIR + second, BYTES + this.#joined.size);
  }

  /** Ids of one word. */
  word(word: string): readonly number[] {
    const known = this.#cache.get(word);
    if (known) return known;
    const ids = this.encode(this.#encoder.encode(word));
    if (this.#cache.size < CACHED_WORDS) this.#cache.set(word, ids);
    return ids;
  }

  /** Ids of one word's bytes, in time in proportion to their number and its logarithm. */
  encode(bytes: Uint8Array): number[] {
    const end = bytes.length;
    /** The id that begins at each byte; -1 where it was joined to the one before. */
    const ids = Array.from(bytes, (byte) => this.#ids[byte]!);
    const next = ids.map((_, at) => at + 1);
    const before = ids.map((_, at) => at - 1);
    const joinedAt = (at: number): number | undefined => {
      const to = next[at]!;
      return to < end ? this.#joined.get(ids[at]! * PAIR + ids[to]!) : undefined;
    };
    const queue = new Queue();
    const look = (at: number): void => {
      const id = joinedAt(at);
      if (id !== undefined) queue.push(id * PLACES + at);
    };
    for (let at = 0; at < end - 1; at++) look(at);
    for (let top = queue.pop(); top !== undefined; top = queue.pop()) {
      const id = Math.floor(top / PLACES);
      const at = top % PLACES;
      if (ids[at]! < 0 || joinedAt(at) !== id) continue; // one of the two was joined to another since
      const to = next[at]!;
      ids[at] = id;
      ids[to] = -1;
      next[at] = next[to]!;
      if (next[at]! < end) before[next[at]!] = at;
      look(at);
      if (before[at]! >= 0) look(before[at]!);
    }
    return ids.filter((id) => id >= 0);
  }
}

/** A heap of numbers: the smallest comes first. */
class Queue {
  readonly #heap: number[] = [];

  push(value: number): void {
    const heap = this.#heap;
    let at = heap.push(value) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= value) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = value;
  }

  pop(): number | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child += 1;
      if (heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
