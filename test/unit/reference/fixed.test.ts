import { expect, test } from 'vitest';
import { uniformAt } from '../../../src/engine/core/rng.ts';
import { fixedOf, fixedSum, fixedSumExponent, floatOf } from '../../../src/engine/reference/fixed.ts';

test('1 and 10,000 times 1e-8: f32 stays 1, fixed point is the exact sum of what is added', () => {
  const small = Math.fround(1e-8);
  let float = 1;
  let fixed = fixedOf(1, 2);
  for (let i = 0; i < 10_000; i++) {
    float = Math.fround(float + small);
    fixed += fixedOf(small, 2);
  }
  expect(float).toBe(1);
  // Each addition is off by at most half of 2^-60.
  const error = Math.abs(Number(fixed) * 2 ** -60 - (1 + 10_000 * small));
  expect(error).toBeLessThanOrEqual(10_000 * 2 ** -61 + 2 ** -52);
  expect(floatOf(fixed, 2)).toBe(Math.fround(1 + 10_000 * small));
});

test('what is added and taken away leaves no trace', () => {
  const start = fixedOf(-(2 ** -3), 0);
  expect(start + fixedOf(2 ** -40, 0) + fixedOf(-(2 ** -40), 0)).toBe(start);
});

test('the order of 64 updates changes f32 and not fixed point', () => {
  const updates = Array.from({ length: 64 }, (_, i) => Math.fround((uniformAt(i, 3) - 0.5) * 2 ** -(i % 20)));
  const orders = [0, 1, 2, 3].map((seed) =>
    updates.toSorted((a, b) => uniformAt(Math.abs(a) * 1e9, seed) - uniformAt(Math.abs(b) * 1e9, seed)),
  );
  const fixed = orders.map((order) => order.reduce((sum, x) => sum + fixedOf(x, 4), fixedOf(0.3, 4)));
  expect(new Set(fixed).size).toBe(1);
  const float = orders.map((order) => order.reduce((sum, x) => Math.fround(sum + x), Math.fround(0.3)));
  expect(new Set(float).size).toBeGreaterThan(1);
});

test('an f32 within range comes back as it was, and others at the last bit', () => {
  for (let i = 0; i < 2000; i++) {
    const x = Math.fround((uniformAt(i, 6) - 0.5) * 2 ** -(i % 30));
    expect(floatOf(fixedOf(x, 0), 0)).toBe(x);
  }
  expect(fixedOf(2 ** -63, 0)).toBe(0n);
  expect(fixedOf(3 * 2 ** -63, 0)).toBe(2n);
  expect(fixedOf(-(2 ** -62), 0)).toBe(-1n);
  expect(floatOf(0n, 0)).toBe(0);
  expect(floatOf((1n << 62n) - 1n, 0)).toBe(1);
});

test('1,000 steps of a learning rate of 1e-9 move no f32 above 0.04, and the fixed-point weight by their sum', () => {
  const w = Math.fround(0.05);
  const step = Math.fround(1e-9);
  let float = w;
  let fixed = fixedOf(w, 0);
  for (let i = 0; i < 1000; i++) {
    float = Math.fround(float - step);
    fixed += fixedOf(-step, 0);
  }
  expect(float).toBe(w);
  expect(fixed).toBe(fixedOf(w, 0) + 1000n * fixedOf(-step, 0));
  expect(floatOf(fixed, 0)).toBeLessThan(w);
});

test('a sum has the same bits in every order, and one rounding', () => {
  const values = [1, 2 ** -30, -1, 2 ** -31, 3.25, -3.25, 2 ** -32].map(Math.fround);
  const exponent = fixedSumExponent(3.25, values.length);
  const orders = [values, values.toReversed(), values.toSorted((a, b) => a - b)];
  expect(new Set(orders.map((order) => fixedSum(order, exponent)))).toEqual(new Set([7 * 2 ** -32]));
  // Eight numbers below 4 stay below 2^5.
  expect(fixedSumExponent(3.25, 8)).toBe(5);
  expect(fixedSumExponent(2 ** -100, 8)).toBe(-60);
});
