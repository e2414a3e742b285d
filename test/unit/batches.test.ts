import { expect, test } from 'vitest';
import { batchAt, batchesChecksum, positionsByToken } from '../../src/engine/data/batches.ts';
import { checksum } from '../../src/engine/data/checksum.ts';
import { microBatchesOf } from '../../src/engine/train/microBatches.ts';

/** Token i has the value i, so that a window shows where it starts. */
const split = Uint32Array.from({ length: 53 }, (_, i) => i);
const options = { batch: 3, context: 8, order: 'random', seed: 1337 } as const;

test('targets are the next tokens', () => {
  for (const order of ['random', 'sequential'] as const) {
    for (let index = 0; index < 20; index++) {
      const { tokens, targets } = batchAt(split, index, { ...options, order });
      expect(tokens.length).toBe(24);
      expect([...targets]).toEqual([...tokens].map((token) => token + 1));
      for (let i = 0; i < 24; i++) expect(tokens[i]! - tokens[i - (i % 8)]!).toBe(i % 8);
    }
  }
});

test('sequential: window i of batch b starts at ((b * B + i) * T) mod (n - T)', () => {
  const n = split.length;
  for (let b = 0; b < 40; b++) {
    const { tokens } = batchAt(split, b, { ...options, order: 'sequential' });
    const starts = [0, 1, 2].map((i) => tokens[i * 8]);
    expect(starts).toEqual([0, 1, 2].map((i) => ((b * 3 + i) * 8) % (n - 8)));
  }
});

test('random: starts cover [0, n - T) evenly and depend on seed and index alone', () => {
  const counts = new Array<number>(45).fill(0);
  for (let index = 0; index < 3000; index++) {
    const { tokens } = batchAt(split, index, options);
    for (let i = 0; i < 3; i++) counts[tokens[i * 8]!]!++;
  }
  // 9000 draws over 45 starts: mean 200, standard deviation 14.
  expect(counts.length).toBe(45);
  expect(Math.min(...counts)).toBeGreaterThan(200 - 5 * 14);
  expect(Math.max(...counts)).toBeLessThan(200 + 5 * 14);
  expect(batchAt(split, 7, options)).toEqual(batchAt(split, 7, options));
  expect(batchAt(split, 7, options)).not.toEqual(batchAt(split, 8, options));
  expect(batchAt(split, 7, options)).not.toEqual(batchAt(split, 7, { ...options, seed: 1338 }));
});

test('a split of T + 1 tokens has one window', () => {
  for (const order of ['random', 'sequential'] as const) {
    const { tokens } = batchAt(split.subarray(0, 9), 5, { ...options, order });
    expect([...tokens.subarray(0, 8)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  }
});

test('a large sequential index stays exact', () => {
  const { tokens } = batchAt(split, 10_000_000, { ...options, order: 'sequential' });
  expect(tokens[0]).toBe(Number((10_000_000n * 3n * 8n) % 45n));
});

test('positionsByToken lists each token’s positions in ascending order', () => {
  const tokens = Uint32Array.from([4, 0, 4, 2, 0, 4, 5]);
  const { starts, positions } = positionsByToken(tokens, 8);
  expect([...starts]).toEqual([0, 2, 2, 3, 3, 6, 7, 7, 7]);
  expect([...positions]).toEqual([1, 4, 3, 0, 2, 5, 6]);
});

test('positionsByToken is a permutation of all positions', () => {
  const { tokens } = batchAt(split, 3, { ...options, batch: 16 });
  const { starts, positions } = positionsByToken(tokens, 64);
  expect(starts[64]).toBe(tokens.length);
  expect([...positions].sort((a, b) => a - b)).toEqual([...tokens.keys()]);
  for (let row = 0; row < 64; row++) {
    for (const position of positions.subarray(starts[row], starts[row + 1]))
      expect(tokens[position]).toBe(row);
  }
});

test('checksums differ for single changes, order and length', () => {
  const seen = new Set([
    checksum([1, 2, 3]),
    checksum([1, 3, 2]),
    checksum([1, 2]),
    checksum([1, 2, 3, 0]),
    checksum([1, 2, 0x80000003]),
    checksum([]),
  ]);
  expect(seen.size).toBe(6);
  expect(checksum([1, 2], [3])).toBe(checksum([1, 2, 3]));
  expect(checksum([1, 2, 3])).toMatch(/^[0-9a-f]{16}$/);
});

test('the first batches have a checksum that proves an identical start', () => {
  const of = (tokens: Uint32Array, seed: number) =>
    batchesChecksum((index) => batchAt(tokens, index, { ...options, seed }));
  expect(of(split, 1337)).toBe(of(split.slice(), 1337));
  expect(of(split, 2)).not.toBe(of(split, 1337));
});

test('micro-batches take the windows of the batches in order', () => {
  const config = { ...options, batch: 6 };
  const whole = (index: number) => batchAt(split, index, config);
  for (const microBatch of [null, 3, 2, 1]) {
    const parts = 6 / (microBatch ?? 6);
    const cut = microBatchesOf(whole, { ...config, microBatch });
    for (const index of [0, 1, 5]) {
      const pieces = Array.from({ length: parts }, (_, part) => cut(index * parts + part));
      for (const which of ['tokens', 'targets'] as const) {
        const joined = pieces.flatMap((piece) => [...piece[which]]);
        expect(joined).toEqual([...whole(index)[which]]);
      }
    }
  }
});
