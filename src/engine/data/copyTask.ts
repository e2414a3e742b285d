/** A synthetic text whose best possible loss is known: each line is a random word, a bar and the word again. */
import { integerAt } from '../core/rng.ts';

const SHORTEST = 3;
const LENGTHS = 6;
const LETTERS = 26;
const FIRST_LETTER = 'a'.charCodeAt(0);
/** Positions of the random stream that a line owns: one for the length, then one for each letter. */
const STRIDE = 16;

/**
 * Loss in nats of a model that copies perfectly and sees the whole line: the word's letters and its length
 * are chance, the rest is certain. Windows that start inside a line cost slightly more.
 */
export const COPY_TASK_LOSS = (() => {
  const meanLength = SHORTEST + (LENGTHS - 1) / 2;
  return (meanLength * Math.log(LETTERS) + Math.log(LENGTHS)) / (2 * meanLength + 2);
})();

/** Lines like `hvqe|hvqe\n`, words of 3 to 8 letters, the same for the same arguments. */
export function createCopyTask({ lines = 20_000, seed = 1 }: { lines?: number; seed?: number } = {}): string {
  const text: string[] = [];
  for (let line = 0; line < lines; line++) {
    const length = SHORTEST + integerAt(line * STRIDE, seed, LENGTHS);
    const letters = Array.from({ length }, (_, i) => integerAt(line * STRIDE + 1 + i, seed, LETTERS));
    const word = String.fromCharCode(...letters.map((letter) => FIRST_LETTER + letter));
    text.push(`${word}|${word}\n`);
  }
  return text.join('');
}
