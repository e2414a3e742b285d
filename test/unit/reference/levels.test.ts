import { expect, test } from 'vitest';
import { streamOf, uniformAt } from '../../../src/engine/core/rng.ts';
import type { Level } from '../../../src/engine/precision/levels.ts';
import { columnsAtLevels, levelNoise, tensorAtLevels } from '../../../src/engine/reference/levels.ts';
import { quantizeOf } from '../../../src/engine/reference/store.ts';

const THREE: Level = { kind: 'integer', bits: 3, range: 'affine' };
const SIX: Level = { kind: 'integer', bits: 6, range: 'affine' };
const VALUES = Float64Array.from({ length: 96 }, (_, i) =>
  Math.fround((uniformAt(i, 3) - 0.4) * 4 ** (i % 4)),
);

test('a tensor has one range, a matrix of weights one for each column', () => {
  const { values, step } = tensorAtLevels(VALUES, THREE);
  expect(new Set(values).size).toBeLessThanOrEqual(8);
  for (const [i, x] of values.entries())
    expect(Math.abs(x - VALUES[i]!)).toBeLessThanOrEqual(step / 2 + 1e-12);
  const columns = columnsAtLevels(VALUES, 4, THREE);
  for (let column = 0; column < 4; column++) {
    const own = (all: Float64Array) => all.filter((_, i) => i % 4 === column);
    expect([...own(columns)]).toEqual([...tensorAtLevels(own(VALUES), THREE).values]);
  }
});

test('the noise of a gradient is within half a step, differs from step to step, and has no mean', () => {
  const draws = Array.from({ length: 2 ** 14 }, (_, i) => levelNoise(i, streamOf('x'), 0));
  expect(Math.max(...draws.map(Math.abs))).toBeLessThanOrEqual(0.5);
  const mean = draws.reduce((sum, each) => sum + each, 0) / draws.length;
  // The standard deviation of a draw is 1 / sqrt(12).
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(12 * draws.length));
  expect(levelNoise(0, streamOf('x'), 1)).not.toBe(draws[0]);
});

test('the model rounds activations and weights to nearest, output gradients with noise, and nothing else', () => {
  const quantize = quantizeOf({ levels: { activation: THREE, weight: THREE, outputGradient: SIX } });
  expect(quantize('activation', 'a', VALUES, 24)).toEqual(tensorAtLevels(VALUES, THREE).values);
  expect(quantize('weight', 'w', VALUES, 24)).toEqual(columnsAtLevels(VALUES, 4, THREE));
  const stream = streamOf('h.0.attn.c_attn output gradient');
  expect(quantize('outputGradient', 'h.0.attn.c_attn dY', VALUES, 24)).toEqual(
    tensorAtLevels(VALUES, SIX, (at) => levelNoise(at, stream, 0)).values,
  );
  expect(quantize('preActivation', 'p', VALUES, 24)).toBe(VALUES);
});
