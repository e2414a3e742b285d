import { expect, test } from 'vitest';
import { integerAt, normalAt, randomBits, uniformAt } from '../../src/engine/core/rng.ts';

test('randomBits is SquirrelNoise5, as in llm.c', () => {
  expect(randomBits(0, 0)).toBe(0x16791e00);
  expect(randomBits(1, 0)).toBe(0xc895cb1d);
  expect(randomBits(1, 42)).toBe(0xd6c56929);
  expect(randomBits(123456, 7)).toBe(0x32a30ce3);
});

test('seeds above 2^31 give streams of their own', () => {
  expect(randomBits(1, 0xffffffff)).not.toBe(randomBits(1, 0x7fffffff));
});

test('uniformAt has the moments of a uniform distribution', () => {
  const values = Array.from({ length: 20_000 }, (_, i) => uniformAt(i, 3));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  // The standard errors are 0.0020 and 0.0021; the bounds are five of them.
  expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.0102);
  expect(Math.abs(square - 1 / 3)).toBeLessThan(0.0106);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThan(1);
});

test('integerAt reaches both ends of its range and nothing else', () => {
  const seen = new Set(Array.from({ length: 1000 }, (_, i) => integerAt(i, 1, 7)));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test('normalAt has mean 0 and variance 1, and is finite everywhere', () => {
  const values = Array.from({ length: 20_000 }, (_, i) => normalAt(i, 5));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(0.036);
  expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  expect(values.every(Number.isFinite)).toBe(true);
});
