/**
 * Counts the pairs of neighbouring tokens and finds the most frequent one. The typed arrays have one row for each pair:
 * 25 bytes and 8 bytes of index, up to twice that because they grow by doubling, and up to 16 bytes in lists of rows.
 */

const NOTHING = -1;
const FIRST_ROWS = 1024;

export class PairCounts {
  /** Pairs with a lower count stay out of the heap. */
  readonly #least: number;
  #keys = new Uint32Array(FIRST_ROWS);
  #counts = new Uint32Array(FIRST_ROWS);
  /** The pair's first position in the text. The caller links the others. */
  #heads = new Int32Array(FIRST_ROWS);
  /** The row's index in the heap; -1 when it is not there. */
  #ranks = new Int32Array(FIRST_ROWS);
  #heap = new Int32Array(FIRST_ROWS);
  /** The counts that the heap is ordered by. They are updated row by row, so that only one row is out of order at a time. */
  #ranked = new Uint32Array(FIRST_ROWS);
  /** Whether the count has changed since `settle` last ran. */
  #isChanged = new Uint8Array(FIRST_ROWS);
  #changed: number[] = [];
  /** Open-addressing hash table of row + 1, at most half full. */
  #index = new Int32Array(2 * FIRST_ROWS);
  readonly #free: number[] = [];
  #rows = 0;
  #inHeap = 0;

  constructor(least: number) {
    this.#least = least;
  }

  /** Returns the pair's row, or -1. */
  find(key: number): number {
    return this.#index[this.#placeOf(key)]! - 1;
  }

  /** Returns the pair's row, and creates it if there is none. */
  row(key: number): number {
    const place = this.#placeOf(key);
    const known = this.#index[place]!;
    if (known > 0) return known - 1;
    if (this.#free.length === 0 && this.#rows === this.#keys.length) {
      this.#grow();
      return this.row(key);
    }
    const row = this.#free.pop() ?? this.#rows++;
    this.#keys[row] = key;
    this.#counts[row] = 0;
    this.#heads[row] = NOTHING;
    this.#ranks[row] = NOTHING;
    this.#index[place] = row + 1;
    return row;
  }

  head(row: number): number {
    return this.#heads[row]!;
  }

  setHead(row: number, place: number): void {
    this.#heads[row] = place;
  }

  change(row: number, by: number): void {
    this.#counts[row]! += by;
    if (this.#isChanged[row]) return;
    this.#isChanged[row] = 1;
    this.#changed.push(row);
  }

  /** Returns the most frequent pair, with ties going to the lowest ids; -1 when no pair is frequent enough. */
  best(): number {
    return this.#inHeap === 0 ? NOTHING : this.#keys[this.#heap[0]!]!;
  }

  /** Restores the heap order after counts have changed. Yields after every `slice` changes. @returns the number of changes */
  *settle(slice: number): Generator<void, number> {
    const changed = this.#changed;
    this.#changed = [];
    for (let i = 0; i < changed.length; i++) {
      if (i % slice === slice - 1) yield;
      const row = changed[i]!;
      this.#isChanged[row] = 0;
      const isIn = this.#ranks[row] !== NOTHING;
      if (this.#counts[row]! >= this.#least) {
        if (!isIn) this.#put(row, this.#inHeap++);
        this.#ranked[row] = this.#counts[row]!;
        this.#up(row);
        this.#down(row);
        continue;
      }
      if (isIn) this.#leave(row);
      if (this.#counts[row] === 0) this.#remove(row);
    }
    return changed.length;
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#ranked[a]! - this.#ranked[b]!;
    return difference !== 0 ? difference > 0 : this.#keys[a]! < this.#keys[b]!;
  }

  #up(row: number): void {
    const heap = this.#heap;
    let at = this.#ranks[row]!;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(row, heap[parent]!)) break;
      this.#put(heap[parent]!, at);
      at = parent;
    }
    this.#put(row, at);
  }

  #down(row: number): void {
    const heap = this.#heap;
    let at = this.#ranks[row]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#inHeap) break;
      if (child + 1 < this.#inHeap && this.#isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!this.#isBefore(heap[child]!, row)) break;
      this.#put(heap[child]!, at);
      at = child;
    }
    this.#put(row, at);
  }

  #put(row: number, at: number): void {
    this.#heap[at] = row;
    this.#ranks[row] = at;
  }

  #leave(row: number): void {
    const at = this.#ranks[row]!;
    const last = this.#heap[--this.#inHeap]!;
    this.#ranks[row] = NOTHING;
    if (last === row) return;
    this.#put(last, at);
    this.#up(last);
    this.#down(last);
  }

  #placeOf(key: number): number {
    const mask = this.#index.length - 1;
    let place = hashOf(key) & mask;
    for (;;) {
      const known = this.#index[place]!;
      if (known === 0 || this.#keys[known - 1] === key) return place;
      place = (place + 1) & mask;
    }
  }

  /** Removes a row from the hash table. Later entries move up where a gap would hide them from a search. */
  #remove(row: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let gap = this.#placeOf(this.#keys[row]!);
    for (let at = (gap + 1) & mask; index[at] !== 0; at = (at + 1) & mask) {
      const home = hashOf(this.#keys[index[at]! - 1]!) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      index[gap] = index[at]!;
      gap = at;
    }
    index[gap] = 0;
    this.#free.push(row);
  }

  #grow(): void {
    const rows = 2 * this.#keys.length;
    this.#keys = longer(this.#keys, new Uint32Array(rows));
    this.#counts = longer(this.#counts, new Uint32Array(rows));
    this.#ranked = longer(this.#ranked, new Uint32Array(rows));
    this.#heads = longer(this.#heads, new Int32Array(rows));
    this.#ranks = longer(this.#ranks, new Int32Array(rows));
    this.#heap = longer(this.#heap, new Int32Array(rows));
    this.#isChanged = longer(this.#isChanged, new Uint8Array(rows));
    this.#index = new Int32Array(2 * rows);
    for (let row = 0; row < this.#rows; row++) this.#index[this.#placeOf(this.#keys[row]!)] = row + 1;
  }
}

function longer<Numbers extends Uint32Array | Int32Array | Uint8Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}

function hashOf(key: number): number {
  const mixed = Math.imul(key, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}
