import type { CountedWords } from '../../src/engine/data/bpe.ts';

/** Words and their counts as pairs are learned from them. */
export function countedWords(counts: ReadonlyMap<string, number>): CountedWords {
  const words = Array.from(counts.keys(), (word) => new TextEncoder().encode(word));
  const all = [...counts.values()];
  return {
    size: words.length,
    bytes: words.reduce((sum, { length }) => sum + length, 0),
    word: (index) => words[index]!,
    count: (index) => all[index]!,
  };
}

/** What a generator returns at its end. */
export function finished<Result>(work: Generator<unknown, Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
