/** hAdam and compound loss scaling in f64: properties that follow from the formulas (arXiv 2102.13565). */
import { describe, expect, test } from 'vitest';
import { normalAt } from '../../../src/engine/core/rng.ts';
import { gradientLimit } from '../../../src/engine/kernels/optimizers/compound.ts';
import { type MomentFormats, momentsOf } from '../../../src/engine/precision/optimStates.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import { adamw } from '../../../src/engine/reference/adamw.ts';
import { exceedsLimit, hasRoom, nextRoot } from '../../../src/engine/reference/compound.ts';
import type { UpdateOptions } from '../../../src/engine/reference/update.ts';

const SIZE = 64;
const EXACT: MomentFormats = {
  ...{ firstMoment: 'f32', secondMoment: 'f32', rounding: 'nearest', scale: 'none', hypot: true },
};
const HALF = momentsOf(recipeOf('fp16-pure'), 'f16-h');
const SQUARES = momentsOf(recipeOf('fp16-pure'), 'f32');

const gradients = (step: number) => Float64Array.from({ length: SIZE }, (_, i) => normalAt(i, 100 + step));

/** AdamW in f64, whose moments and weights are never rounded, after 200 steps. */
function trained(hypot: boolean, options: Omit<UpdateOptions, 'step'>): Float64Array {
  const [w, m, v] = [0.5, 0, 0].map((x) => new Float64Array(SIZE).fill(x)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let step = 1; step <= 200; step++) {
    if (!hypot) {
      adamw(w, gradients(step), m, v, { ...options, step });
      continue;
    }
    // The oracle rounds moments to f32 where they are stored, which the others here are not.
    const { beta1, beta2, learningRate, epsilon } = options;
    for (const [i, g] of gradients(step).entries()) {
      m[i] = beta1 * m[i]! + (1 - beta1) * g;
      v[i] = nextRoot(v[i]!, g, options);
      const rate = (learningRate * (1 - beta1)) / (Math.sqrt(1 - beta2) * (1 - beta1 ** step));
      w[i] = w[i]! - (rate * m[i]!) / (v[i]! / Math.sqrt(1 - beta2 ** step) + epsilon);
    }
  }
  return w;
}

// 200 steps of a few roundings of 2^-53 each, of weights of about 1.
const BOUND = 200 * 8 * 2 ** -53;

test.each([0.999, 0.99, 0.95])('beta2 %d: hAdam is AdamW with eps sqrt(1 - beta2) / (1 - beta1)', (beta2) => {
  const options = { learningRate: 1e-2, beta1: 0.9, beta2, epsilon: 1e-3, weightDecay: 0, gradFactor: 1 };
  const factor = Math.sqrt(1 - beta2) / (1 - options.beta1);
  expect(factor).toBeCloseTo({ 0.999: 0.316, 0.99: 1, 0.95: 2.236 }[beta2]!, 3);
  const h = trained(true, options);
  const v = trained(false, { ...options, epsilon: options.epsilon * factor });
  const largest = Math.max(...h.map((x, i) => Math.abs(x - v[i]!)));
  console.log(`largest difference ${largest.toExponential(1)}, bound ${BOUND.toExponential(1)}`);
  expect(largest).toBeLessThan(BOUND);
});

test('the oracle of the kernel is the same rule, but for what it stores in f32', () => {
  const options = {
    learningRate: 1e-2,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-3,
    weightDecay: 0,
    gradFactor: 1,
  };
  const [w, m, h] = [0.5, 0, 0].map((x) => new Float64Array(SIZE).fill(x)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const storage = { moments: EXACT, masterRounding: 'nearest', bits: { seed: 0, first: 0 } } as const;
  for (let step = 1; step <= 200; step++) {
    adamw(w, gradients(step), m, h, { ...options, step }, undefined, storage);
  }
  const whole = trained(true, options);
  // Two moments are wrong by 2^-24 of their size each step, and forget it as fast as beta says: 1 / (1 - beta) steps at most.
  const bound = 200 * options.learningRate * 2 ** -24 * (1 / (1 - options.beta1) + 1 / (1 - options.beta2));
  for (const [i, x] of w.entries()) expect(Math.abs(x - whole[i]!)).toBeLessThan(bound);
});

describe('a gradient within the limit takes no moment beyond its format', () => {
  test.each([
    ['f16-h', HALF, 0.9, 0.999],
    ['f16-h', HALF, 0.9, 0.95],
    ['f16 squares', SQUARES, 0.9, 0.999],
  ] as const)('%s, %#', (_name, moments, beta1, beta2) => {
    const rates = { beta1, beta2 };
    const limit = gradientLimit(moments, rates);
    let [m, second] = [0, 0];
    for (let step = 0; step < 10_000; step++) {
      m = beta1 * m + (1 - beta1) * limit;
      second = moments.hypot ? nextRoot(second, limit, rates) : beta2 * second + (1 - beta2) * limit ** 2;
    }
    expect(Math.max(m, second)).toBeLessThan(65504);
    const one = (gradient: number) => ({
      gradient: Float64Array.of(gradient),
      m: new Float64Array(1),
      v: new Float64Array(1),
      moments,
    });
    expect(exceedsLimit(one(0.999 * limit), rates)).toBe(false);
    expect(exceedsLimit(one(1.001 * limit), rates)).toBe(true);
  });
});

test('the loss scale has room to double while 1.1 times the doubled moments are in range', () => {
  const rates = { beta1: 0.9, beta2: 0.99 };
  const withRoom = (m: number, v: number, moments = HALF) =>
    hasRoom({ gradient: new Float64Array(1), m: Float64Array.of(m), v: Float64Array.of(v), moments }, rates);
  const most = 65504 / 1.1 / 2;
  expect(withRoom((0.99 * most) / 0.9, 0)).toBe(true);
  expect(withRoom((-1.01 * most) / 0.9, 0)).toBe(false);
  expect(withRoom(0, (0.99 * most) / Math.sqrt(0.99))).toBe(true);
  expect(withRoom(0, (1.01 * most) / Math.sqrt(0.99))).toBe(false);
  // Squares grow by four.
  expect(withRoom(0, (0.99 * most) / 2 / 0.99, SQUARES)).toBe(true);
  expect(withRoom(0, (1.01 * most) / 2 / 0.99, SQUARES)).toBe(false);
});
