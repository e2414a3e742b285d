import { expect, test } from 'vitest';
import { integerAt, normalAt, uniformAt } from '../../../src/engine/core/rng.ts';
import { sharpnessOf } from '../../../src/engine/inspect/sharpness.ts';
import { SHARPNESS_EPSILON } from '../../../src/engine/model/layers/head.ts';
import { crossEntropy, logitSharpness } from '../../../src/engine/reference/sharpness.ts';

const V = 50;
const logits = (seed: number, spread: number) =>
  Float64Array.from({ length: V }, (_, i) => spread * normalAt(i, seed));

test('no point of the box and no other corner has a larger loss', () => {
  for (let row = 0; row < 50; row++) {
    const x = logits(row, 0.1 + row / 5);
    const target = integerAt(row, 1, V);
    const epsilon = row % 2 === 0 ? SHARPNESS_EPSILON : 0.1;
    const loss = crossEntropy(x, target);
    const [phi] = logitSharpness(x, [target], 1, V, epsilon);
    const highest = loss + (phi! * (1 + loss)) / 100;
    for (let trial = 0; trial < 40; trial++) {
      const moved = x.map((value, j) => {
        const random = uniformAt(trial * V + j, row);
        const share = trial % 2 === 0 ? Math.sign(random - 0.5) : 2 * random - 1;
        return value + share * epsilon * (Math.abs(value) + 1);
      });
      expect(crossEntropy(moved, target)).toBeLessThanOrEqual(highest + 1e-12);
    }
  }
});

test('about 0.09 at 5e-4 and twice that at 1e-3 for 50 logits of N(0, 3^2)', () => {
  const rows = 400;
  const x = Float64Array.from({ length: rows * V }, (_, i) => 3 * normalAt(i, 5));
  const targets = Array.from({ length: rows }, (_, row) => integerAt(row, 6, V));
  const mean = (epsilon: number) =>
    logitSharpness(x, targets, rows, V, epsilon).reduce((sum, phi) => sum + phi, 0) / rows;
  const [small, large] = [mean(5e-4), mean(1e-3)];
  expect(small).toBeGreaterThan(0.06);
  expect(small).toBeLessThan(0.12);
  expect(large / small).toBeCloseTo(2, 2);
});

test('padded columns change nothing', () => {
  const x = logits(3, 2);
  const padded = Float64Array.from({ length: V + 14 }, (_, i) => x[i] ?? 1e30);
  expect(logitSharpness(padded, [7], 1, V, 1e-3, V + 14)).toEqual(logitSharpness(x, [7], 1, V, 1e-3));
});

test('means are over all positions and over the last ones, and null where a logit is not finite', () => {
  const rows = Float32Array.from([1, 2, 3, 0, 5, 10, 7, 0, 1, 2, 3, 0, 7, 14, 11, 0]);
  expect(sharpnessOf(9, rows, 2)).toEqual({
    step: 9,
    sharpness: 7,
    sharpnessHalf: 3.5,
    sharpnessLast: 12,
    sharpnessHalfLast: 6,
    maxLogit: 6,
  });
  rows[0] = Number.NaN;
  expect(sharpnessOf(9, rows, 2)).toMatchObject({ sharpness: 7, sharpnessHalf: null, sharpnessHalfLast: 6 });
});
