/**
 * Encodes words by joining pairs of neighbouring tokens (byte-pair encoding). Which tokens a word begins as, bytes or
 * characters, is for the subclass.
 */

/** No span has this many bytes, so that a rank and a position fit in one number: rank * PLACES + position. */
const PLACES = 2 ** 26;
const NONE = -1;

export abstract class JoiningEncoder {
  /** The rank of each pair that is joined. */
  readonly #ranks = new PairRanks();
  /** By rank: the id of the joined token. */
  readonly #joined: number[] = [];
  /** By id: the bytes that it stands for; 0 for ids that no text gives. */
  readonly #lengths: number[] = [];
  #scratch = new Scratch(2 ** 10);

  /** Number of ids that have been added. */
  protected get tokens(): number {
    return this.#lengths.length;
  }

  /** Adds a token that is not joined from others. */
  protected addToken(id: number, bytes: number): void {
    while (this.#lengths.length <= id) this.#lengths.push(0);
    this.#lengths[id] = bytes;
  }

  /** Adds the next pair, which is joined after those before it. */
  protected addMerge(first: number, second: number, joined: number): void {
    this.#ranks.set(first, second, this.#joined.length);
    this.#joined.push(joined);
    this.addToken(joined, this.lengthOf(first) + this.lengthOf(second));
  }

  /**
   * Finds the tokens that the first `length` bytes begin as. For a token that begins at byte `at` it writes the id to
   * `ids[at]` and the byte after it to `next[at]`.
   */
  protected abstract idsOf(bytes: Uint8Array, length: number, ids: Int32Array, next: Int32Array): void;

  /** Number of bytes that an id stands for. */
  lengthOf(id: number): number {
    return this.#lengths[id] ?? 0;
  }

  /** Encodes a whole word. */
  encodeWord(bytes: Uint8Array, length = bytes.length): number[] {
    return this.encode(bytes, length);
  }

  /** Encodes the first `length` bytes of a word or of a part of one, in O(n log n). */
  encode(bytes: Uint8Array, length = bytes.length): number[] {
    if (this.#scratch.ids.length < length) this.#scratch = new Scratch(2 * length);
    const { ids, next, before, pairs, queue } = this.#scratch;
    this.idsOf(bytes, length, ids, next);
    for (let at = 0, last = NONE; at < length; last = at, at = next[at]!) before[at] = last;
    for (let at = 0; at < length; at = next[at]!) this.#queuePair(at, length);
    for (let top = queue.pop(); top >= 0; top = queue.pop()) {
      const rank = Math.floor(top / PLACES);
      const at = top % PLACES;
      if (pairs[at] !== rank) continue; // one of the two tokens has been joined with another since
      const to = next[at]!;
      const after = next[to]!;
      ids[at] = this.#joined[rank]!;
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
    const rank = to < length ? this.#ranks.get(ids[at]!, ids[to]!) : NONE;
    pairs[at] = rank;
    if (rank !== NONE) queue.push(rank * PLACES + at);
  }
}

/** Maps pairs of ids to ranks. It uses typed arrays because it is read several times for each byte of a text. */
class PairRanks {
  #firsts = new Int32Array(2 ** 10);
  #seconds = new Int32Array(2 ** 10);
  /** Open-addressing hash table, at most half full. */
  #ranks = new Int32Array(2 ** 10).fill(NONE);
  #size = 0;

  /** Returns the rank of a pair, or -1. */
  get(first: number, second: number): number {
    return this.#ranks[this.#placeOf(first, second)]!;
  }

  /** A pair that is set twice keeps the last rank. */
  set(first: number, second: number, rank: number): void {
    if (2 * this.#size === this.#ranks.length) this.#grow();
    const place = this.#placeOf(first, second);
    if (this.#ranks[place] === NONE) this.#size += 1;
    this.#firsts[place] = first;
    this.#seconds[place] = second;
    this.#ranks[place] = rank;
  }

  #placeOf(first: number, second: number): number {
    const mask = this.#ranks.length - 1;
    const mixed = Math.imul(Math.imul(first, 0x10001) ^ second, 0x9e3779b1);
    let place = (mixed ^ (mixed >>> 15)) & mask;
    while (
      this.#ranks[place] !== NONE &&
      !(this.#firsts[place] === first && this.#seconds[place] === second)
    ) {
      place = (place + 1) & mask;
    }
    return place;
  }

  #grow(): void {
    const [firsts, seconds, ranks] = [this.#firsts, this.#seconds, this.#ranks];
    this.#firsts = new Int32Array(2 * ranks.length);
    this.#seconds = new Int32Array(2 * ranks.length);
    this.#ranks = new Int32Array(2 * ranks.length).fill(NONE);
    for (let place = 0; place < ranks.length; place++) {
      if (ranks[place] === NONE) continue;
      const to = this.#placeOf(firsts[place]!, seconds[place]!);
      this.#firsts[to] = firsts[place]!;
      this.#seconds[to] = seconds[place]!;
      this.#ranks[to] = ranks[place]!;
    }
  }
}

/** Working memory for encoding a word of up to `bytes` bytes. */
class Scratch {
  /** The id of the token that begins at each byte. */
  readonly ids: Int32Array;
  readonly next: Int32Array;
  readonly before: Int32Array;
  /** The rank of the pair that begins at each byte; -1 for none. */
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
