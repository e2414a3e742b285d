/** A hash table that numbers distinct words. It uses typed arrays, so that its size is bounded whatever the words are. */

const EMPTY = 0;
const MIN_SLOTS = 64;

export class WordTable {
  readonly #mostBytes: number;
  readonly #mostWords: number;
  #bytes = new Uint8Array(2 ** 8);
  /** The end of word i in `#bytes`. It begins where word i - 1 ends. */
  #ends = new Uint32Array(MIN_SLOTS / 2);
  /** Open-addressing hash table of index + 1, at most half full. */
  #slots = new Int32Array(MIN_SLOTS);
  #size = 0;

  /** @param mostBytes limit on the total bytes of all words */
  constructor(mostBytes: number, mostWords = Number.POSITIVE_INFINITY) {
    this.#mostBytes = mostBytes;
    this.#mostWords = mostWords;
  }

  /** Number of words. */
  get size(): number {
    return this.#size;
  }

  /** Total bytes of all words. */
  get bytes(): number {
    return this.#start(this.#size);
  }

  /** Returns a view of the word's bytes, valid until the next word is added. */
  word(index: number): Uint8Array {
    return this.#bytes.subarray(this.#start(index), this.#ends[index]);
  }

  /** Returns the index of the word in the first `length` bytes, and adds it if it is new; -1 if it is new and the table is full. */
  add(bytes: Uint8Array, length: number): number {
    const place = this.#find(bytes, length);
    const known = this.#slots[place]!;
    if (known !== EMPTY) return known - 1;
    const start = this.bytes;
    if (start + length > this.#mostBytes || this.#size === this.#mostWords) return -1;
    const index = this.#size;
    this.#makeRoom(start + length);
    this.#bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length), start);
    this.#ends[index] = start + length;
    this.#slots[place] = index + 1;
    this.#size += 1;
    if (2 * this.#size > this.#slots.length) this.#rehash();
    return index;
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  #find(bytes: Uint8Array, length: number): number {
    const mask = this.#slots.length - 1;
    let place = hashOf(bytes, 0, length) & mask;
    for (;;) {
      const known = this.#slots[place]!;
      if (known === EMPTY || this.#is(known - 1, bytes, length)) return place;
      place = (place + 1) & mask;
    }
  }

  #is(index: number, bytes: Uint8Array, length: number): boolean {
    const start = this.#start(index);
    if (this.#ends[index]! - start !== length) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[start + i] !== bytes[i]) return false;
    return true;
  }

  #makeRoom(bytes: number): void {
    if (bytes > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#mostBytes, Math.max(bytes, 2 * this.#bytes.length)));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    if (this.#size === this.#ends.length) {
      const larger = new Uint32Array(2 * this.#ends.length);
      larger.set(this.#ends);
      this.#ends = larger;
    }
  }

  #rehash(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let index = 0; index < this.#size; index++) {
      let place = hashOf(this.#bytes, this.#start(index), this.#ends[index]!) & mask;
      while (slots[place] !== EMPTY) place = (place + 1) & mask;
      slots[place] = index + 1;
    }
    this.#slots = slots;
  }
}

/** FNV-1a, with the high bits mixed into the low ones. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}
