import type { CountedWords } from '../../src/engine/data/bpe.ts';

/** Words and their counts, from which pairs are learned. */
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

/** Runs a generator to its end and returns its result. */
export function finished<Result>(work: Generator<unknown, Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
