/**
 * How often each pair of neighbours occurs, and which occurs most. Typed arrays with a row a pair that is there: 25 bytes
 * and 8 of the index, up to twice as much since they grow by doubling, and up to 16 in lists of rows.
 */

const NOTHING = -1;
const FIRST_ROWS = 1024;

export class PairCounts {
  /** Pairs below this count are never the best. */
  readonly #least: number;
  #keys = new Uint32Array(FIRST_ROWS);
  #counts = new Uint32Array(FIRST_ROWS);
  /** The first of the pair's places: the others are linked by who keeps them. */
  #heads = new Int32Array(FIRST_ROWS);
  /** Where the row is in the heap. */
  #ranks = new Int32Array(FIRST_ROWS);
  #heap = new Int32Array(FIRST_ROWS);
  /** The count that the heap is in order by: all rows of it but the one at hand are where they belong. */
  #ranked = new Uint32Array(FIRST_ROWS);
  /** Whether the count has changed since the heap was put in order. */
  #isChanged = new Uint8Array(FIRST_ROWS);
  #changed: number[] = [];
  /** Row + 1 by the pair's hash; at most half of the places are taken. */
  #index = new Int32Array(2 * FIRST_ROWS);
  readonly #free: number[] = [];
  #rows = 0;
  #inHeap = 0;

  constructor(least: number) {
    this.#least = least;
  }

  /** The pair's row, or -1. */
  find(key: number): number {
    return this.#index[this.#placeOf(key)]! - 1;
  }

  /** The pair's row, made where there is none. */
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

  /** The most frequent pair; of equally frequent ones the one of the lowest ids; -1 where none is frequent enough. */
  best(): number {
    return this.#inHeap === 0 ? NOTHING : this.#keys[this.#heap[0]!]!;
  }

  /** Puts the heap in order after counts have changed. Yields after every `slice` of them. @returns how many had changed */
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

  /** Those after it that would not be found past a gap move up. */
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
