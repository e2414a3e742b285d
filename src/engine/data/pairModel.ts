/** Tokens made of bytes by joining pairs: what a learned vocabulary and GPT-2's own have in common. */

/** Ids of single bytes. */
export const BYTES = 256;
/** Ids are below 2^16: a pair is one number. */
export const PAIR = 2 ** 16;
/** More bytes than are encoded at a time: a rank and a place are one number. */
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
  readonly #joined = new PairIds();
  /** Bytes of each id. */
  readonly #lengths: number[] = Array(BYTES).fill(1);
  #scratch = new Scratch(2 ** 10);

  constructor({ bytes, pairs }: Pick<PairModel, 'bytes' | 'pairs'>) {
    for (const [id, byte] of bytes.entries()) this.#ids[byte] = id;
    for (let i = 0; i < pairs.length; i += 2) this.addPair(pairs[i]!, pairs[i + 1]!);
  }

  /** Makes the next token. */
  addPair(first: number, second: number): void {
    this.#joined.set(first * PAIR + second, this.#lengths.length);
    this.#lengths.push(this.lengthOf(first) + this.lengthOf(second));
  }

  /** Bytes that an id stands for. */
  lengthOf(id: number): number {
    return this.#lengths[id]!;
  }

  /** Ids of one word's bytes, in time in proportion to their number and its logarithm. */
  encode(bytes: Uint8Array, length = bytes.length): number[] {
    if (this.#scratch.ids.length < length) this.#scratch = new Scratch(2 * length);
    const { ids, next, before, pairs, queue } = this.#scratch;
    for (let at = 0; at < length; at++) {
      ids[at] = this.#ids[bytes[at]!]!;
      next[at] = at + 1;
      before[at] = at - 1;
    }
    for (let at = 0; at < length; at++) this.#look(at, length);
    for (let top = queue.pop(); top >= 0; top = queue.pop()) {
      const id = Math.floor(top / PLACES);
      const at = top % PLACES;
      if (pairs[at] !== id) continue; // one of the two was joined to another since
      const to = next[at]!;
      const after = next[to]!;
      ids[at] = id;
      next[at] = after;
      pairs[to] = NONE;
      if (after < length) before[after] = at;
      this.#look(at, length);
      if (before[at]! >= 0) this.#look(before[at]!, length);
    }
    const found: number[] = [];
    for (let at = 0; at < length; at = next[at]!) found.push(ids[at]!);
    return found;
  }

  /** Queues the pair that begins at a byte. */
  #look(at: number, length: number): void {
    const { ids, next, pairs, queue } = this.#scratch;
    const to = next[at]!;
    const id = to < length ? this.#joined.get(ids[at]! * PAIR + ids[to]!) : NONE;
    pairs[at] = id;
    if (id !== NONE) queue.push(id * PLACES + at);
  }
}

const NONE = -1;

/** Ids of pairs, in typed arrays: they are looked up several times for each byte of a text. */
class PairIds {
  #keys = new Uint32Array(2 ** 10);
  /** At most half of the places are taken. */
  #ids = new Int32Array(2 ** 10).fill(NONE);
  #size = 0;

  /** -1 where the pair is none of them. */
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

/** What encoding a word of up to `bytes` bytes takes. */
class Scratch {
  /** The id that begins at each byte. */
  readonly ids: Int32Array;
  readonly next: Int32Array;
  readonly before: Int32Array;
  /** The id of the pair that begins at each byte, -1 for none. */
  readonly pairs: Int32Array;
  readonly queue: Queue;

  constructor(bytes: number) {
    this.ids = new Int32Array(bytes);
    this.next = new Int32Array(bytes);
    this.before = new Int32Array(bytes);
    this.pairs = new Int32Array(bytes);
    // A pair a byte at first, and two more for each of at most so many that are joined.
    this.queue = new Queue(3 * bytes);
  }
}

/** A heap of numbers, none of them negative: the smallest comes first. */
class Queue {
  readonly #heap: Float64Array;
  #size = 0;

  constructor(most: number) {
    this.#heap = new Float64Array(most);
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

  /** -1 when it is empty. */
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
