/** Vocabularies of bytes and joined pairs. A learned vocabulary and GPT-2's share this form. */

/** Number of ids that stand for single bytes. */
export const BYTES = 256;
/** Ids are below 2^16, so that a pair fits in one number: first * PAIR + second. */
export const PAIR = 2 ** 16;
/** No span has this many bytes, so that a rank and a position fit in one number: rank * PLACES + position. */
const PLACES = 2 ** 26;

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

/** Encodes words by joining pairs. The pair that comes first in the list is joined first, from left to right. */
export class PairEncoder {
  /** Id of each byte. */
  readonly #ids = new Uint8Array(BYTES);
  /** Id of each pair. */
  readonly #joined = new PairIds();
  /** Bytes of each id. */
  readonly #lengths: number[] = Array(BYTES).fill(1);
  #scratch = new Scratch(2 ** 10);

  constructor({ bytes, pairs }: Pick<PairModel, 'bytes' | 'pairs'>) {
    for (const [id, byte] of bytes.entries()) this.#ids[byte] = id;
    for (let i = 0; i < pairs.length; i += 2) this.addPair(pairs[i]!, pairs[i + 1]!);
  }

  /** Adds the next token. */
  addPair(first: number, second: number): void {
    this.#joined.set(first * PAIR + second, this.#lengths.length);
    this.#lengths.push(this.lengthOf(first) + this.lengthOf(second));
  }

  /** Number of bytes that an id stands for. */
  lengthOf(id: number): number {
    return this.#lengths[id]!;
  }

  /** Encodes the first `length` bytes of one word, in O(n log n). */
  encode(bytes: Uint8Array, length = bytes.length): number[] {
    if (this.#scratch.ids.length < length) this.#scratch = new Scratch(2 * length);
    const { ids, next, before, pairs, queue } = this.#scratch;
    for (let at = 0; at < length; at++) {
      ids[at] = this.#ids[bytes[at]!]!;
      next[at] = at + 1;
      before[at] = at - 1;
    }
    for (let at = 0; at < length; at++) this.#queuePair(at, length);
    for (let top = queue.pop(); top >= 0; top = queue.pop()) {
      const id = Math.floor(top / PLACES);
      const at = top % PLACES;
      if (pairs[at] !== id) continue; // one of the two tokens has been joined with another since
      const to = next[at]!;
      const after = next[to]!;
      ids[at] = id;
      next[at] = after;
      pairs[to] = NONE;
      if (after < length) before[after] = at;
      this.#queuePair(at, length);
      if (before[at]! >= 0) this.#queuePair(before[at]!, length);
    }
    const found: number[] = [];
    for (let at = 0; at < length; at = next[at]!) found.push(ids[at]!);
    return found;
  }

  /** Queues the pair that begins at a position, if it is one of the vocabulary. */
  #queuePair(at: number, length: number): void {
    const { ids, next, pairs, queue } = this.#scratch;
    const to = next[at]!;
    const id = to < length ? this.#joined.get(ids[at]! * PAIR + ids[to]!) : NONE;
    pairs[at] = id;
    if (id !== NONE) queue.push(id * PLACES + at);
  }
}

const NONE = -1;

/** Maps pairs to ids. It uses typed arrays because it is read several times for each byte of a text. */
class PairIds {
  #keys = new Uint32Array(2 ** 10);
  /** Open-addressing hash table, at most half full. */
  #ids = new Int32Array(2 ** 10).fill(NONE);
  #size = 0;

  /** Returns the id of a pair, or -1. */
  get(key: number): number {
    return this.#ids[this.#placeOf(key)]!;
  }

  set(key: number, id: number): void {
    if (2 * this.#size === this.#ids.length) this.#grow();
    const place = this.#placeOf(key);
    if (this.#ids[place] === NONE) this.#size += 1;
    this.#keys[place] = key;
    this.#ids[place] = id;
  }

  #placeOf(key: number): number {
    const mask = this.#ids.length - 1;
    const mixed = Math.imul(key, 0x9e3779b1);
    let place = (mixed ^ (mixed >>> 15)) & mask;
    while (this.#ids[place] !== NONE && this.#keys[place] !== key) place = (place + 1) & mask;
    return place;
  }

  #grow(): void {
    const keys = this.#keys;
    const ids = this.#ids;
    this.#keys = new Uint32Array(2 * keys.length);
    this.#ids = new Int32Array(2 * ids.length).fill(NONE);
    for (let place = 0; place < ids.length; place++) {
      if (ids[place] === NONE) continue;
      const to = this.#placeOf(keys[place]!);
      this.#keys[to] = keys[place]!;
      this.#ids[to] = ids[place]!;
    }
  }
}

/** Working memory for encoding a word of up to `bytes` bytes. */
class Scratch {
  /** The id of the token that begins at each byte. */
  readonly ids: Int32Array;
  readonly next: Int32Array;
  readonly before: Int32Array;
  /** The id of the pair that begins at each byte; -1 for none. */
  readonly pairs: Int32Array;
  readonly queue: MinHeap;

  constructor(bytes: number) {
    this.ids = new Int32Array(bytes);
    this.next = new Int32Array(bytes);
    this.before = new Int32Array(bytes);
    this.pairs = new Int32Array(bytes);
    // There is one pair for each byte at first, and two more for each of at most `bytes` joins.
    this.queue = new MinHeap(3 * bytes);
  }
}

/** A binary heap of non-negative numbers that returns the smallest first. */
class MinHeap {
  readonly #heap: Float64Array;
  #size = 0;

  constructor(capacity: number) {
    this.#heap = new Float64Array(capacity);
  }

  push(value: number): void {
    const heap = this.#heap;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= value) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = value;
  }

  /** Removes the smallest number; -1 when the heap is empty. */
  pop(): number {
    if (this.#size === 0) return -1;
    const heap = this.#heap;
    const top = heap[0]!;
    const size = --this.#size;
    const last = heap[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && heap[child + 1]! < heap[child]!) child += 1;
      if (heap[child]! >= last) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
