import { describe, expect, it } from 'vitest';
import { adamw } from '../../../src/engine/reference/adamw.ts';
import { storeOf } from '../../../src/engine/reference/store.ts';
import type { UpdateOptions } from '../../../src/engine/reference/update.ts';
import { described } from '../described.ts';

const options: UpdateOptions = {
  learningRate: 0.1,
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0,
  step: 1,
  gradFactor: 1,
};

const one = (x: number) => new Float64Array([x]);

describe('AdamW', () => {
  it('moves by lr * sign(g) in the first step', () => {
    const [w, m, v] = [one(1), one(0), one(0)];
    adamw(w, one(0.5), m, v, options);
    expect(m[0]).toBeCloseTo(0.05, 15);
    expect(v[0]).toBeCloseTo(0.0025, 15);
    expect(w[0]).toBeCloseTo(1 - 0.1 * (0.5 / (0.5 + 1e-8)), 14);
  });

  it('two steps by hand, with decoupled decay', () => {
    const [w, m, v] = [one(2), one(0), one(0)];
    const decayed = { ...options, weightDecay: 0.1 };
    adamw(w, one(1), m, v, decayed);
    // 2 - 0.1 * 0.1 * 2 - 0.1 * 1 / (1 + 1e-8)
    expect(w[0]).toBeCloseTo(1.88 + 1e-9, 12);
    const before = w[0]!;
    adamw(w, one(-1), m, v, { ...decayed, step: 2 });
    // m = 0.9 * 0.1 - 0.1 = -0.01, mhat = -0.01 / 0.19; v = 0.99 * 0.01 + 0.01 = 0.0199, vhat = 1
    expect(m[0]).toBeCloseTo(-0.01, 15);
    expect(v[0]).toBeCloseTo(0.0199, 15);
    expect(w[0]).toBeCloseTo(before * 0.99 + 0.1 * (0.01 / 0.19), 9);
  });

  it('decays a weight without gradient', () => {
    const w = one(4);
    adamw(w, one(0), one(0), one(0), { ...options, weightDecay: 0.1 });
    expect(w[0]).toBeCloseTo(4 * (1 - 0.01), 14);
  });

  it('is the same for a scaled gradient and its inverse as factor', () => {
    const run = (scale: number) => {
      const [w, m, v] = [one(1), one(0.01), one(0.001)];
      adamw(w, one(0.3 * scale), m, v, { ...options, step: 3, gradFactor: 1 / scale });
      return [w[0], m[0], v[0]];
    };
    expect(run(2 ** 16)).toEqual(run(1));
  });

  it('pure f16: an update below half a step vanishes, where an f32 master moves', () => {
    const run = (mode: 'fp16-pure' | 'fp16') => {
      const [w, m, v] = [one(1), one(0), one(0)];
      adamw(w, one(0.5), m, v, { ...options, learningRate: 1e-4 }, storeOf(described(mode)));
      return w[0]!;
    };
    expect(run('fp16-pure')).toBe(1);
    expect(run('fp16')).toBe(Math.fround(1 - 1e-4));
  });
});
