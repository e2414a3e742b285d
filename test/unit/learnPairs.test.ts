/** Tests the cost of learning pairs by counted positions and bytes, not by time, and that other tasks get to run. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test, vi } from 'vitest';
import { integerAt } from '../../src/engine/core/rng.ts';
import { learnPairs, SLICE } from '../../src/engine/data/bpe.ts';
import { PairCounts } from '../../src/engine/data/pairCounts.ts';
import { type TokenizeProgress, tokenize } from '../../src/engine/data/tokenize.ts';
import { LearnedWords } from '../../src/engine/data/wordPieces.ts';

afterEach(() => vi.restoreAllMocks());

/** Letters without a word break. */
function letters(count: number, kinds = 'ACGT'): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => kinds.charCodeAt(integerAt(i, 16, kinds.length)));
}

function wordsOf(bytes: Uint8Array): LearnedWords {
  const words = new LearnedWords();
  words.push(Uint32Array.from(bytes));
  words.end();
  return words;
}

test('a text without word breaks: work in proportion to its size, in slices', () => {
  const words = wordsOf(letters(300_000));
  let changes = 0;
  const change = PairCounts.prototype.change;
  vi.spyOn(PairCounts.prototype, 'change').mockImplementation(function (this: PairCounts, ...args) {
    changes += 1;
    change.apply(this, args);
  });
  const work = learnPairs(words, 1024);
  let most = 0;
  let slices = 0;
  let before = 0;
  let pairs = 0;
  for (let step = work.next(); ; step = work.next()) {
    most = Math.max(most, changes - before);
    before = changes;
    slices += 1;
    if (step.done) {
      pairs = step.value.length / 2;
      break;
    }
  }
  // Each byte is counted once. A join removes a token and changes at most five counts. A slice ends after the current word.
  console.log(`${changes} changes for ${words.bytes} bytes, ${most} at most in each of ${slices} slices`);
  expect(pairs).toBe(768);
  expect(changes).toBeLessThanOrEqual(6 * words.bytes);
  expect(most).toBeLessThanOrEqual(5 * (SLICE + 64));
  expect(slices).toBeGreaterThan(changes / (5 * (SLICE + 64)));
});

test('memory is proportional to the bytes of distinct words', () => {
  const words = wordsOf(letters(2 ** 21));
  const { arrayBuffers } = process.memoryUsage();
  // 22 bytes for each byte, and a little for the few distinct pairs.
  const bound = 22 * words.bytes + 2 ** 20;
  const used = () => process.memoryUsage().arrayBuffers - arrayBuffers;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let peak = 0;
  for (const _ of learnPairs(words, 512)) {
    // Arrays that nobody refers to any more are not memory that it needs.
    if (used() > bound) collect();
    peak = Math.max(peak, used());
  }
  console.log(`${peak} bytes at most, ${bound} allowed`);
  expect(peak).toBeGreaterThan(10 * words.bytes); // memory of earlier tests may be freed meanwhile
  expect(peak).toBeLessThanOrEqual(bound);
});

test('rows of pairs are allocated, freed and found again as pairs appear and disappear', () => {
  const counts = new PairCounts(2);
  let drawn = 0;
  const below = (bound: number) => integerAt(drawn++, 3, bound);
  const known = new Map<number, number>();
  for (let round = 0; round < 3000; round++) {
    const key = below(700) * 2 ** 16 + below(3);
    const has = known.get(key) ?? 0;
    const by = has > 0 && below(2) === 0 ? -has : 1 + below(5);
    counts.change(counts.row(key), by);
    if (has + by === 0) known.delete(key);
    else known.set(key, has + by);
    if (round % 7 !== 0) continue;
    for (const _ of counts.settle(5));
    const best = [...known].filter(([, count]) => count >= 2).sort((a, b) => b[1] - a[1] || a[0] - b[0])[0];
    expect(counts.best()).toBe(best?.[0] ?? -1);
    expect([...known.keys()].every((pair) => counts.find(pair) >= 0)).toBe(true);
  }
  for (const _ of counts.settle(5));
  for (let a = 0; a < 700; a++) {
    const pairs = [0, 1, 2].map((b) => a * 2 ** 16 + b);
    expect(pairs.map((pair) => counts.find(pair) >= 0)).toEqual(pairs.map((pair) => known.has(pair)));
  }
});

/** Aborts in a separate task, as a message or a signal would. */
function abortSoon(abort: AbortController): void {
  setImmediate(() => abort.abort(new Error('cancelled')));
}

test.each(['learning', 'tokenizing'] as const)('an abort during %s takes effect', async (stage) => {
  const bytes = letters(400_000);
  const abort = new AbortController();
  const seen: TokenizeProgress[] = [];
  const stream = {
    name: 'letters',
    size: bytes.length,
    async *open() {
      for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
    },
  };
  const reading = tokenize(stream, 'bpe:1024', {
    signal: abort.signal,
    onProgress: (progress) => {
      if (progress.stage === stage && !seen.some((other) => other.stage === stage)) abortSoon(abort);
      seen.push(progress);
    },
  });
  await expect(reading).rejects.toThrow('cancelled');
  // A turn may end before the other task runs.
  expect(seen.filter((progress) => progress.stage === stage).length).toBeLessThanOrEqual(3);
});

test('an abort takes effect within a chunk of any size', async () => {
  const bytes = letters(2 ** 23);
  const abort = new AbortController();
  const stream = {
    name: 'letters',
    size: bytes.length,
    async *open() {
      abortSoon(abort);
      yield bytes;
    },
  };
  const seen: TokenizeProgress[] = [];
  const reading = tokenize(stream, 'byte', { signal: abort.signal, onProgress: (one) => seen.push(one) });
  await expect(reading).rejects.toThrow('cancelled');
  expect(seen).toEqual([]);
});
