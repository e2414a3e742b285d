/** A synthetic text with a known optimal loss. Each line is a random word, a bar and the same word again. */
import { integerAt } from '../core/rng.ts';

const SHORTEST = 3;
const LENGTHS = 6;
const LETTERS = 26;
const FIRST_LETTER = 'a'.charCodeAt(0);
/** Random numbers reserved for each line: one for the length, then one for each letter. */
const STRIDE = 16;

/**
 * Loss in nats per token of a model that copies perfectly and sees the whole line. The letters and the length of the
 * first word are random; everything else is certain. Windows that start inside a line cost slightly more.
 */
export const COPY_TASK_LOSS = (() => {
  const meanLength = SHORTEST + (LENGTHS - 1) / 2;
  return (meanLength * Math.log(LETTERS) + Math.log(LENGTHS)) / (2 * meanLength + 2);
})();

/** Returns lines like `hvqe|hvqe\n` with words of 3 to 8 letters. Equal arguments give equal texts. */
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
