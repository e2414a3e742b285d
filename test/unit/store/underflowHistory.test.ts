import { expect, test } from 'vitest';
import type { NumericsFrame } from '../../../src/engine/inspect/frame.ts';
import { BINS } from '../../../src/engine/kernels/numerics.ts';
import { UnderflowHistory } from '../../../src/store/underflowHistory.ts';
import { row } from '../numericsRow.ts';

const rows = [
  row('activationGradient', 'h.0.attn gradient', 'f16', false),
  row('activationGradient', 'residual gradient at h.0.ln_1', 'f16', false),
  row('activationGradient', 'h.1.attn gradient', 'f16', false),
  row('activationGradient', 'logits gradient', 'f16', false),
  row('parameterGradient', 'h.1.attn.c_attn.weight', 'f32', false),
];

/** Ten values in each row: `small` of 2^-30, the others of 1. */
function frame(step: number, small: readonly number[], scale = 1): NumericsFrame {
  const counts = new Uint32Array(rows.length * BINS);
  for (const [i, count] of small.entries()) {
    counts[i * BINS + 127 - 30 + Math.log2(scale)] = count;
    counts[i * BINS + 127 + Math.log2(scale)] = 10 - count;
  }
  return { step, scale, rows, counts, noise: [], cost: null };
}

test('shares refer to the narrowed gradients of a layer, at the scale of their step', () => {
  const history = new UnderflowHistory(2, 'f16');
  history.push(frame(20, [1, 3, 5, 0, 10]));
  history.push(frame(40, [1, 3, 5, 0, 10], 2 ** 8));
  expect(history.length).toBe(2);
  expect([0, 1, 2].map((layer) => history.share(0, layer))).toEqual([Math.fround(0.2), Math.fround(0.5), 0]);
  expect([0, 1, 2].map((layer) => history.share(1, layer))).toEqual([0, 0, 0]);
  expect(history.step(1)).toBe(40);
});

test('keeps every frame of a long run', () => {
  const history = new UnderflowHistory(2, 'f16');
  for (let i = 0; i < 1000; i++) history.push(frame(20 * (i + 1), [i % 10, i % 10, 0, 0, 0]));
  expect(history.length).toBe(1000);
  for (const i of [0, 63, 64, 129, 999]) {
    expect(history.step(i)).toBe(20 * (i + 1));
    expect(history.share(i, 0)).toBe(Math.fround((i % 10) / 10));
  }
});
