/**
 * Byte-pair encoding on UTF-8, learned from a text (Sennrich et al. 2016, on bytes and within words as GPT-2 has it). Ids
 * 0..255 are bytes; every further id is a pair of earlier ones. The same text gives the same pairs everywhere.
 */

import { BYTES, PAIR } from './pairModel.ts';

/** GPT-2's words: contractions, letters, digits, other signs with a space before them, and white space. */
const WORD = /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
/** Characters of a word that pairs are learned from: longer ones are cut, so that learning stays fast on any text. */
export const LONGEST_LEARNED_WORD = 64;
/** UTF-16 code units. Longer words are cut whatever they are for: no text takes more than time in proportion to its length. */
const LONGEST_WORD = 2 ** 16;
/** Pairs that are there once would only learn the text by heart. */
const LEAST_COUNT = 2;

/** Cuts a text that comes in pieces into words: the same ones wherever the pieces end. */
export class WordCutter {
  readonly #longest: number;
  #rest = '';

  /** @param longest characters of a word */
  constructor(longest = Number.POSITIVE_INFINITY) {
    this.#longest = longest;
  }

  push(text: string): string[] {
    return this.#cut(this.#rest + text, false);
  }

  end(): string[] {
    return this.#cut(this.#rest, true);
  }

  #cut(text: string, last: boolean): string[] {
    const words = wordsOf(text);
    // What comes next may belong to the last word, or make a contraction of the last two.
    const kept = last ? 0 : Math.min(2, words.length);
    this.#rest = words.splice(words.length - kept).join('');
    const longest = this.#longest;
    return words.flatMap((word) => (word.length > longest ? partsOf(word, longest) : word));
  }
}

function wordsOf(text: string): string[] {
  const words = text.match(WORD) ?? [];
  if (!words.some(({ length }) => length > LONGEST_WORD)) return words;
  const cut: string[] = [];
  const pattern = new RegExp(WORD);
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const word = found[0].length > LONGEST_WORD ? wholeCharacters(found[0], LONGEST_WORD) : found[0];
    cut.push(word);
    pattern.lastIndex = found.index + word.length;
  }
  return cut;
}

/** The first `length` code units, or one less where the last would be half a character. */
function wholeCharacters(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}

function partsOf(word: string, longest: number): string[] {
  const characters = [...word];
  const parts: string[] = [];
  for (let at = 0; at < characters.length; at += longest) {
    parts.push(characters.slice(at, at + longest).join(''));
  }
  return parts;
}

interface CountedWord {
  ids: number[];
  readonly count: number;
}

/**
 * Learns the pairs of up to `vocabulary` tokens: always the most frequent pair; of equally frequent ones the lowest ids.
 * @param words how often each occurs
 * @returns the two ids of token 256, of token 257, and so on: fewer where no pair is left that occurs twice
 */
export function learnPairs(words: ReadonlyMap<string, number>, vocabulary: number): number[] {
  const encoder = new TextEncoder();
  const all: CountedWord[] = [...words].map(([word, count]) => ({ ids: [...encoder.encode(word)], count }));
  const pairs = new PairCounts();
  for (const [index, word] of all.entries()) pairs.addWord(word, index);
  pairs.makeHeap();
  const learned: number[] = [];
  for (let id = BYTES; id < vocabulary; id++) {
    const best = pairs.takeBest();
    if (best === null) break;
    const first = Math.floor(best / PAIR);
    const second = best % PAIR;
    learned.push(first, second);
    for (const index of pairs.wordsWith(best)) {
      const word = all[index]!;
      const joined = join(word.ids, first, second, id);
      if (joined.length === word.ids.length) continue; // an earlier pair has taken this one's place
      pairs.removeWord(word);
      word.ids = joined;
      pairs.addWord(word, index);
    }
    pairs.queueChanged();
  }
  return learned;
}

function join(ids: readonly number[], first: number, second: number, id: number): number[] {
  const joined: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === first && ids[i + 1] === second) {
      joined.push(id);
      i += 1;
    } else joined.push(ids[i]!);
  }
  return joined;
}

/** How often each pair occurs and in which words, kept up to date word by word, and the most frequent of them. */
class PairCounts {
  readonly #counts = new Map<number, number>();
  readonly #words = new Map<number, Set<number>>();
  readonly #changed = new Set<number>();
  /** A heap of [pair, its count when it was queued]; a count that has changed since is queued again. */
  readonly #heap: (readonly [pair: number, count: number])[] = [];

  addWord({ ids, count }: CountedWord, index: number): void {
    this.#add(ids, count);
    for (let i = 1; i < ids.length; i++) {
      const pair = ids[i - 1]! * PAIR + ids[i]!;
      const words = this.#words.get(pair);
      if (words) words.add(index);
      else this.#words.set(pair, new Set([index]));
    }
  }

  removeWord({ ids, count }: CountedWord): void {
    this.#add(ids, -count);
  }

  /** Words that have or had the pair. */
  wordsWith(pair: number): Iterable<number> {
    const words = this.#words.get(pair) ?? [];
    this.#words.delete(pair);
    return words;
  }

  makeHeap(): void {
    this.queueChanged();
  }

  queueChanged(): void {
    for (const pair of this.#changed) {
      const count = this.#counts.get(pair)!;
      if (count >= LEAST_COUNT) this.#push([pair, count]);
      else if (count === 0) this.#counts.delete(pair);
    }
    this.#changed.clear();
  }

  takeBest(): number | null {
    for (;;) {
      const top = this.#pop();
      if (!top) return null;
      if (this.#counts.get(top[0]) === top[1]) return top[0];
    }
  }

  #add(ids: readonly number[], by: number): void {
    for (let i = 1; i < ids.length; i++) {
      const pair = ids[i - 1]! * PAIR + ids[i]!;
      this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + by);
      this.#changed.add(pair);
    }
  }

  #push(entry: readonly [number, number]): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): readonly [number, number] | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || !last) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function before(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[1] !== b[1] ? a[1] > b[1] : a[0] < b[0];
}
