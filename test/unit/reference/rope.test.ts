import { describe, expect, it } from 'vitest';
import {
  queryKeyBackward,
  queryKeyForward,
  ropeFrequencies,
  rotated,
} from '../../../src/engine/reference/ops.ts';
import { dot, expectGradient, normals } from './finiteDifference.ts';

const LLAMA = { base: 10_000 };

describe('RoPE', () => {
  it('rotates pairs of both halves of a head by angles that fall with the pair', () => {
    // Angles 3 and 0.03: 1 cos 3 - 3 sin 3, 2 cos 0.03 - 4 sin 0.03, 3 cos 3 + 1 sin 3, 4 cos 0.03 + 2 sin 0.03.
    const head = Float64Array.of(1, 2, 3, 4);
    const turned = rotated(head, 3, ropeFrequencies(4, LLAMA));
    for (const [i, wanted] of [-1.413353, 1.879118, -2.828857, 4.058191].entries())
      expect(turned[i]).toBeCloseTo(wanted, 6);
    expect(dot(turned, turned)).toBeCloseTo(30, 12);
    expect([...rotated(turned, -3, ropeFrequencies(4, LLAMA))].map((x) => x.toFixed(12))).toEqual(
      [...head].map((x) => x.toFixed(12)),
    );
  });

  it('makes scores depend on the distance of two positions alone', () => {
    const frequencies = ropeFrequencies(16, LLAMA);
    const [q, k] = [normals(16, 1), normals(16, 2)];
    const score = (i: number, j: number) => dot(rotated(q, i, frequencies), rotated(k, j, frequencies));
    for (const shift of [1, 100, 4000]) expect(score(9 + shift, 4 + shift)).toBeCloseTo(score(9, 4), 9);
    expect(Math.abs(score(9, 5) - score(9, 4))).toBeGreaterThan(1e-3);
  });

  it('scales low frequencies as Llama 3, and leaves high ones', () => {
    const scaling = { factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192 };
    const plain = ropeFrequencies(128, { base: 500_000 });
    const scaled = ropeFrequencies(128, { base: 500_000, scaling });
    const ratios = scaled.map((frequency, i) => frequency / plain[i]!);
    expect(ratios[0]).toBe(1);
    expect(ratios[63]).toBe(1 / 8);
    for (const [i, frequency] of plain.entries()) {
      const turns = (8192 * frequency) / (2 * Math.PI);
      if (turns > 4) expect(ratios[i]).toBe(1);
      else if (turns < 1) expect(ratios[i]).toBe(1 / 8);
      else expect(ratios[i]).toBeCloseTo((1 - (turns - 1) / 3) / 8 + (turns - 1) / 3, 12);
    }
  });
});

describe.each([
  { rope: LLAMA, hasNorm: false },
  { rope: null, hasNorm: true },
  { rope: LLAMA, hasNorm: true },
])('queries and keys with %o', ({ rope, hasNorm }) => {
  const shape = { B: 2, T: 3, H: 4, G: 2, D: 8 };
  const { B, T, H, G, D } = shape;
  const qkv = normals(B * T * (H + 2 * G) * D, 1);
  const dout = normals(qkv.length, 2);
  const [q, k] = [normals(D, 3, 0.3, 1), normals(D, 4, 0.3, 1)];
  const options = { rope, norm: hasNorm ? { q, k, epsilon: 1e-5 } : null };

  it('leave values as they are', () => {
    const out = queryKeyForward(qkv, shape, options);
    for (let token = 0; token < B * T; token++) {
      const at = (token * (H + 2 * G) + H + G) * D;
      expect(out.subarray(at, at + G * D)).toEqual(qkv.subarray(at, at + G * D));
    }
  });

  it('have their gradients', () => {
    const f = () => dot(queryKeyForward(qkv, shape, options), dout);
    const { dqkv, dq, dk } = queryKeyBackward(dout, qkv, shape, options);
    expectGradient('dqkv', f, qkv, dqkv);
    if (!hasNorm) return;
    expectGradient('dq', f, q, dq);
    expectGradient('dk', f, k, dk);
  });
});
