import { expect, it } from 'vitest';
import { lion } from '../../../src/engine/reference/lion.ts';

const options = {
  ...{ learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 },
  ...{ step: 1, gradFactor: 1 },
};
const none = new Float64Array(0);

it('moves every weight by the learning rate against the sign of the interpolated momentum', () => {
  const [w, m] = [Float64Array.of(1, 1, 1), Float64Array.of(0.1, 0.1, 0)];
  // 0.9 * 0.1 - 0.1 * 2 is negative, 0.9 * 0.1 - 0.1 * 0.5 is not, and 0 has no sign.
  lion(w, Float64Array.of(-2, -0.5, 0), m, none, options);
  expect([...w]).toEqual([1 + 0.01, 1 - 0.01, 1]);
  for (const [i, wanted] of [0.99 * 0.1 - 0.02, 0.99 * 0.1 - 0.005, 0].entries())
    expect(m[i]).toBeCloseTo(wanted, 15);
});

it('decays apart from the sign, and unscales the gradient', () => {
  const [w, m] = [Float64Array.of(2), Float64Array.of(0)];
  lion(w, Float64Array.of(512), m, none, { ...options, weightDecay: 0.5, gradFactor: 1 / 1024 });
  expect(w[0]).toBeCloseTo(2 - 0.01 * (0.5 * 2 + 1), 15);
  expect(m[0]).toBeCloseTo(0.01 * 0.5, 15);
});
