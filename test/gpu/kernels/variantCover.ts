/** Parts of the variants of all kernels in which nothing is left out that one choice, or two that meet, could break. */
import type { Dispatch } from '../../../src/engine/gpu/operation.ts';

/**
 * One line for the kernel, and for each storage or function of a slot, condition and constant that made this variant of it. How long
 * the rows and columns of a matrix with scales are is no choice: variants of other lengths differ in one number, by which an index
 * is divided.
 */
export function choicesOf({ variant }: Dispatch): string[] {
  const { kernel, slots, functions = {}, conditions, constants } = variant;
  const stored = Object.entries(slots).map(([slot, storage]) => [slot, withoutLengths(storage)]);
  const choices = [functions, conditions, constants].flatMap((record) => Object.entries(record));
  return [kernel, ...[...stored, ...choices].map(([name, value]) => `${kernel} ${name}=${value}`)];
}

/** `e4m3fn/256:e8m0` and `e4m3fn/64:e8m0` are both `e4m3fn/block:e8m0`; tiles of one column and squares differ. */
function withoutLengths(storage: string): string {
  return storage
    .replace(/\/\d+:/, '/block:')
    .replace(/\/columns\d+:/, '/columns:')
    .replace(/\/tiles(\d+)x(\d+)of\d+:/, (_, rows, columns) => {
      const kind = columns === '1' ? 'column' : rows === '1' ? 'row' : 'square';
      return `/tiles of a ${kind}:`;
    });
}

/** Choices by number. Millions of pairs are compared, which takes text much longer. */
const choices: string[] = [];
const numbers = new Map<string, number>();
const MOST_CHOICES = 2 ** 15;

function numberOf(choice: string): number {
  let number = numbers.get(choice);
  if (number === undefined) {
    number = choices.push(choice) - 1;
    if (number >= MOST_CHOICES) throw new RangeError(`there are more than ${MOST_CHOICES} choices`);
    numbers.set(choice, number);
  }
  return number;
}

/** A number for each two choices that meet in this variant of its kernel, and for the kernel; {@link pairText} says which. */
export function pairsOf(dispatch: Dispatch): number[] {
  const [kernel, ...own] = choicesOf(dispatch).map(numberOf);
  const pair = (one: number, other: number) => Math.min(one, other) * MOST_CHOICES + Math.max(one, other);
  // A choice meets itself: where a kernel has one, it meets no other.
  return [pair(kernel!, kernel!), ...own.flatMap((one, i) => own.slice(i).map((other) => pair(one, other)))];
}

export function pairText(pair: number): string {
  const both = [Math.floor(pair / MOST_CHOICES), pair % MOST_CHOICES];
  return [...new Set(both)].map((number) => choices[number]).join(', ');
}

/**
 * Some of `all` that have everything that one of them has. Greedy: each takes the most of what is still missing.
 * @param has what one of them has
 */
export function coverOf<T, K>(all: readonly T[], has: (one: T) => readonly K[]): T[] {
  const open = all.map((one) => ({ one, adds: has(one) }));
  const missing = new Set(open.flatMap(({ adds }) => adds));
  const cover: T[] = [];
  while (missing.size > 0) {
    const most = open.reduce((best, entry) => (entry.adds.length > best.adds.length ? entry : best));
    const adds = most.adds.filter((line) => missing.has(line));
    // What one adds only shrinks: where it is still as much, none adds more.
    if (adds.length === most.adds.length) {
      cover.push(most.one);
      for (const line of adds) missing.delete(line);
    }
    most.adds = adds;
  }
  return cover;
}
