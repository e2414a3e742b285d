/**
 * Learns a byte-pair encoding from a UTF-8 text (Sennrich et al. 2016, on bytes and within words, as in GPT-2). Ids
 * 0..255 are bytes; every later id is a pair of earlier ids. The same text gives the same pairs on every machine.
 */

import { PairCounts } from './pairCounts.ts';
import { BYTES, PAIR } from './pairModel.ts';

/** The distinct words of a text, each with the number of its occurrences. */
export interface CountedWords {
  /** Number of distinct words. */
  readonly size: number;
  /** Total bytes of the distinct words. */
  readonly bytes: number;
  word(index: number): Uint8Array;
  count(index: number): number;
}

/** A pair that occurs only once would memorise the text instead of compressing it. */
const MIN_COUNT = 2;
/** Positions processed between two yields, which takes a few milliseconds. */
export const SLICE = 2 ** 13;
const NOTHING = -1;

/**
 * Learns pairs for a vocabulary of up to `vocabulary` tokens. Each step takes the most frequent pair; ties go to the
 * lowest ids.
 *
 * Let n be the bytes of all distinct words and P the number of distinct pairs. Time: a constant number of table look-ups
 * for each of at most n joins, and log P for each change of a pair's count. Memory: 22 n bytes, and at most 82 bytes for
 * each pair in `PairCounts`. P is at most n + 4 * 2^16, because pairs that a join removes stay in the table until it ends.
 *
 * Yields the number of pairs learned so far about every `SLICE` positions.
 * @returns the two ids of token 256, then of token 257, and so on; fewer than asked for when no pair occurs twice
 */
export function* learnPairs(words: CountedWords, vocabulary: number): Generator<number, number[]> {
  const text = new JoinedWords(words);
  for (const _ of text.read(words)) yield 0;
  const learned: number[] = [];
  for (let id = BYTES; id < vocabulary; id++) {
    const best = text.best();
    if (best === null) break;
    const [first, second] = best;
    learned.push(first, second);
    for (const _ of text.join(first, second, id)) yield learned.length / 2;
  }
  return learned;
}

/** The distinct words one after the other, each as a linked list of tokens in which neighbours get joined. */
class JoinedWords {
  readonly #pairs = new PairCounts(MIN_COUNT);
  // These are indexed by the position of a token's first byte: its id, its neighbours in the word, and the word's count.
  readonly #ids: Uint16Array;
  readonly #next: Int32Array;
  readonly #before: Int32Array;
  readonly #counts: Uint32Array;
  // The other occurrences of the pair that begins at a position, as a doubly linked list.
  readonly #nextPlace: Int32Array;
  readonly #lastPlace: Int32Array;
  /** Positions processed since the last yield. */
  #work = 0;

  constructor({ bytes }: CountedWords) {
    this.#ids = new Uint16Array(bytes);
    this.#next = new Int32Array(bytes);
    this.#before = new Int32Array(bytes);
    this.#counts = new Uint32Array(bytes);
    this.#nextPlace = new Int32Array(bytes);
    this.#lastPlace = new Int32Array(bytes);
  }

  *read(words: CountedWords): Generator<void> {
    let at = 0;
    for (let index = 0; index < words.size; index++) {
      const word = words.word(index);
      const count = words.count(index);
      const end = at + word.length;
      this.#ids.set(word, at);
      this.#counts.fill(count, at, end);
      for (let place = at; place < end; place++) {
        this.#before[place] = place > at ? place - 1 : NOTHING;
        this.#next[place] = place + 1 < end ? place + 1 : NOTHING;
      }
      for (let place = at; place < end - 1; place++) this.#add(place);
      at = end;
      if (this.#isDue(word.length)) yield;
    }
    yield* this.#pairs.settle(SLICE);
  }

  best(): readonly [first: number, second: number] | null {
    const pair = this.#pairs.best();
    return pair === NOTHING ? null : [Math.floor(pair / PAIR), pair % PAIR];
  }

  /** Replaces every occurrence of the pair by `id`, from left to right within a word. */
  *join(first: number, second: number, id: number): Generator<void> {
    const pairs = this.#pairs;
    const row = pairs.find(first * PAIR + second);
    for (let place = pairs.head(row); place !== NOTHING; place = pairs.head(row)) {
      let joined = 0;
      // Of three equal tokens in a row the first two are joined, so the search moves to the start of the row.
      if (first === second) while (this.#idAt(this.#before[place]!) === first) place = this.#before[place]!;
      while (this.#idAt(place) === first && this.#idAt(this.#next[place]!) === second) {
        this.#joinAt(place, id);
        joined += 1;
        place = this.#next[place]!;
        if (first !== second || place === NOTHING) break;
      }
      if (this.#isDue(joined)) yield;
    }
    const changed = yield* pairs.settle(SLICE);
    if (this.#isDue(changed)) yield;
  }

  #isDue(work: number): boolean {
    this.#work += work;
    if (this.#work < SLICE) return false;
    this.#work = 0;
    return true;
  }

  #idAt(place: number): number {
    return place === NOTHING ? NOTHING : this.#ids[place]!;
  }

  #joinAt(place: number, id: number): void {
    const to = this.#next[place]!;
    const before = this.#before[place]!;
    const after = this.#next[to]!;
    this.#remove(place);
    if (before !== NOTHING) this.#remove(before);
    if (after !== NOTHING) this.#remove(to);
    this.#ids[place] = id;
    this.#next[place] = after;
    if (before !== NOTHING) this.#add(before);
    if (after === NOTHING) return;
    this.#before[after] = place;
    this.#add(place);
  }

  /** Counts the pair that begins at a position. */
  #add(place: number): void {
    const pairs = this.#pairs;
    const row = pairs.row(this.#pairAt(place));
    const head = pairs.head(row);
    this.#nextPlace[place] = head;
    this.#lastPlace[place] = NOTHING;
    if (head !== NOTHING) this.#lastPlace[head] = place;
    pairs.setHead(row, place);
    pairs.change(row, this.#counts[place]!);
  }

  #remove(place: number): void {
    const pairs = this.#pairs;
    const row = pairs.find(this.#pairAt(place));
    const next = this.#nextPlace[place]!;
    const last = this.#lastPlace[place]!;
    if (next !== NOTHING) this.#lastPlace[next] = last;
    if (last === NOTHING) pairs.setHead(row, next);
    else this.#nextPlace[last] = next;
    pairs.change(row, -this.#counts[place]!);
  }

  #pairAt(place: number): number {
    return this.#ids[place]! * PAIR + this.#ids[this.#next[place]!]!;
  }
}
