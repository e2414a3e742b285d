import { describe, expect, test } from 'vitest';
import { dropped } from '../../../src/engine/reference/dropout.ts';
import { windowPlace } from '../../../src/engine/train/writeBatch.ts';

const [T, C] = [64, 48];
const RATE = 0.2;
const RUN = { seed: 7, batch: 8, microBatch: 2, accumulation: 3 };

function factors(places: readonly { seed: number; index: number }[], place = 'embedding', rate = RATE) {
  const ones = new Float64Array(places.length * T * C).fill(1);
  return dropped(rate, { T, windows: places }, place, ones, C);
}

/** Standard deviations of how many of `count` independent elements are dropped. */
function sigmas(values: Float64Array, rate: number): number {
  const count = values.filter((x) => x === 0).length;
  return Math.abs(count - rate * values.length) / Math.sqrt(values.length * rate * (1 - rate));
}

describe('what is dropped', () => {
  test.each([0.01, 0.2, 0.5, 0.9])('a share of %d, and the mean is preserved, within 4 sigma', (rate) => {
    const places = Array.from({ length: 16 }, (_, index) => ({ seed: 99, index }));
    const values = factors(places, 'h.0.mlp.c_proj', rate);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const sigma = Math.sqrt(rate / (1 - rate) / values.length);
    console.log(
      `rate ${rate}: ${sigmas(values, rate).toFixed(2)} sigma, mean ${mean.toFixed(5)}, sigma of it ${sigma.toFixed(5)}`,
    );
    expect(sigmas(values, rate)).toBeLessThan(4);
    expect(Math.abs(mean - 1)).toBeLessThan(4 * sigma);
    expect(new Set(values)).toEqual(new Set([0, 1 / (1 - rate)]));
  });

  test.each([
    ['another place of the model', { place: 'h.0.attn.c_proj' }],
    ['another window', { index: 1 }],
    ['another step', { step: 1 }],
    ['another seed', { seed: 8 }],
  ] as const)('%s drops others, as often both as chance has it', (_what, change) => {
    const {
      place = 'embedding',
      index = 0,
      step = 0,
      seed = RUN.seed,
    } = change as Partial<Record<'index' | 'step' | 'seed', number>> & { place?: string };
    const of = (run: typeof RUN, at: number, row: number) => windowPlace(run, at, row);
    const [a, b] = [
      factors([of(RUN, 0, 0)]),
      factors([of({ ...RUN, seed }, step * 12 + Math.floor(index / 2), index % 2)], place),
    ];
    const both = a.map((x, i) => (x === 0 && b[i] === 0 ? 0 : 1));
    expect(sigmas(both, RATE * RATE)).toBeLessThan(4);
  });

  test('without a rate, and in batches that are not trained on, nothing is', () => {
    const values = Float64Array.of(1, 2, 3, 4);
    expect(dropped(0, { T: 1, windows: [{ seed: 1, index: 0 }] }, 'embedding', values, 4)).toBe(values);
    expect(dropped(0.5, { T: 1 }, 'embedding', values, 4)).toBe(values);
  });
});

test('the place of a window depends on its index in the step, however the step is cut', () => {
  const windows = (cut: { batch: number; microBatch: number | null; accumulation: number }, step: number) => {
    const run = { seed: 7, ...cut };
    const rows = cut.microBatch ?? cut.batch;
    const perStep = (cut.batch / rows) * cut.accumulation;
    return Array.from({ length: perStep }, (_, micro) =>
      Array.from({ length: rows }, (_, row) => windowPlace(run, step * perStep + micro, row)),
    ).flat();
  };
  const whole = windows({ batch: 24, microBatch: null, accumulation: 1 }, 5);
  expect(whole.map(({ index }) => index)).toEqual(Array.from({ length: 24 }, (_, i) => i));
  expect(new Set(whole.map(({ seed }) => seed)).size).toBe(1);
  for (const cut of [
    { batch: 24, microBatch: 6, accumulation: 1 },
    { batch: 8, microBatch: null, accumulation: 3 },
    { batch: 8, microBatch: 1, accumulation: 3 },
  ]) {
    expect(windows(cut, 5)).toEqual(whole);
  }
  expect(windows({ batch: 24, microBatch: null, accumulation: 1 }, 6)[0]!.seed).not.toBe(whole[0]!.seed);
});
