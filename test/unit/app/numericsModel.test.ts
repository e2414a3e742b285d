import { describe, expect, test } from 'vitest';
import {
  gradientSentence,
  hoverSentence,
  shareWords,
  stripSentence,
  whatIfSentence,
} from '../../../src/app/features/numerics/messages.ts';
import { heatRows } from '../../../src/app/features/numerics/model.ts';
import { bandsOf, flushedShare, tensorsWithoutGradient } from '../../../src/engine/inspect/bands.ts';
import type { NumericsFrame } from '../../../src/engine/inspect/frame.ts';
import { BINS } from '../../../src/engine/kernels/numerics.ts';
import type { NumericsKind } from '../../../src/engine/model/numericsRows.ts';
import { UnderflowHistory } from '../../../src/store/underflowHistory.ts';
import { row } from '../numericsRow.ts';

/** Ten values: the given numbers of exact zeros and of 2^-30, which f16 flushes, and ones for the rest. */
interface Tensor {
  readonly name: string;
  readonly kind?: NumericsKind;
  readonly zeros?: number;
  readonly small?: number;
  readonly nonFinite?: number;
}

function frameOf(tensors: readonly Tensor[]): NumericsFrame {
  const counts = new Uint32Array(tensors.length * BINS);
  for (const [i, { zeros = 0, small = 0, nonFinite = 0 }] of tensors.entries()) {
    counts[i * BINS] = zeros;
    counts[i * BINS + 127 - 30] = small;
    counts[i * BINS + 127] = 10 - zeros - small - nonFinite;
    counts[i * BINS + 255] = nonFinite;
  }
  const rows = tensors.map(({ name, kind = 'parameterGradient' }) => row(kind, name, 'f32', false));
  return { step: 300, scale: 1, rows, counts, noise: [], cost: null };
}

const F16 = bandsOf('f16');
const inOrder = (frame: NumericsFrame) => heatRows(frame, 0, F16, 'zeros').map(({ row: { name } }) => name);

describe('tensors whose gradient is exactly zero', () => {
  const frame = frameOf([
    { name: 'h.0.ln_1.weight', zeros: 0, small: 4 },
    { name: 'h.0.attn.c_attn.weight', zeros: 10 },
    { name: 'h.0.mlp.c_fc.weight', zeros: 6, small: 3 },
    { name: 'h.0.attn.c_attn.bias', zeros: 10 },
    { name: 'ln_f.weight' },
    { name: 'h.0.attn gradient', kind: 'activationGradient', zeros: 10 },
  ]);

  test('come first when rows are sorted by zeros, not last as if they had lost nothing', () => {
    expect(inOrder(frame)).toEqual([
      'h.0.attn.c_attn.weight',
      'h.0.attn.c_attn.bias',
      'h.0.attn gradient',
      'h.0.mlp.c_fc.weight',
      'h.0.ln_1.weight',
      'ln_f.weight',
    ]);
  });

  test('are counted in the headline, which excludes activation gradients', () => {
    expect(tensorsWithoutGradient(frame)).toEqual({ without: 2, of: 5 });
    expect(gradientSentence(frame)).toEqual({
      count: '2 of 5',
      rest: 'parameter tensors get no gradient: their gradient is exactly zero everywhere.',
    });
    const sound = frameOf([{ name: 'wte.weight', zeros: 9 }, { name: 'wpe.weight' }]);
    expect(gradientSentence(sound).count).toBe('All 2');
    expect(gradientSentence(frameOf([{ name: 'wte.weight', nonFinite: 10 }])).count).toBe('All 1');
  });

  test('have no share of flushed values, and the text says why', () => {
    const [first] = heatRows(frame, 0, F16, 'zeros');
    expect(flushedShare(first!.losses)).toBeNull();
    expect(shareWords(flushedShare(first!.losses))).toBe('all zero');
    expect(hoverSentence(first!, null)).toBe('h.0.attn.c_attn.weight: 10 values, all exactly zero.');
    const partly = heatRows(frame, 0, F16, 'zeros')[3]!;
    expect(hoverSentence(partly, null)).toContain('Flushed 75.0 %, exact zeros 60.0 %, subnormal 0 %');
  });
});

test('a row without a finite value is not called all zero', () => {
  const [heat] = heatRows(frameOf([{ name: 'ln_f.bias', zeros: 2, nonFinite: 8 }]), 0, F16, 'layer');
  expect(hoverSentence(heat!, null)).toContain('10 values, none of the others finite.');
});

test('a forecast says how many gradients are zero at any scale, and does not report 0 % when all are', () => {
  const gradient = (name: string, zeros: number, small: number) =>
    ({ name, kind: 'activationGradient', zeros, small }) as const;
  const some = frameOf([gradient('logits gradient', 0, 5), gradient('h.0.attn gradient', 10, 0)]);
  const forecast = whatIfSentence(some, 0, 'f16', F16);
  expect(forecast.share).toBe('50.0 %');
  expect(forecast.rest).toContain('50.0 % of all were exactly zero before they were stored.');
  const none = whatIfSentence(frameOf([gradient('logits gradient', 10, 0)]), 0, 'f16', F16);
  expect(none.share).toBe('All');
  expect(none.rest).toContain('are exactly zero');
  expect(whatIfSentence(frameOf([gradient('logits gradient', 0, 5)]), 0, 'f16', F16).rest).not.toContain(
    'exactly zero',
  );
});

test('the strip names layers whose gradients are all zero instead of showing them as unaffected', () => {
  const history = new UnderflowHistory(2, 'f16');
  history.push(
    frameOf([
      { name: 'h.0.attn gradient', kind: 'activationGradient', zeros: 10 },
      { name: 'h.1.attn gradient', kind: 'activationGradient', small: 3 },
      { name: 'logits gradient', kind: 'activationGradient' },
    ]),
  );
  expect([0, 1, 2].map((layer) => history.share(0, layer))).toEqual([null, Math.fround(0.3), 0]);
  expect(stripSentence(history)).toBe(
    'Share of gradients flushed to zero by layer, steps 300 to 300. At the last step, most in h.1: 30.0 %. Grey, because already exactly zero: h.0.',
  );
});
