import { describe, expect, test } from 'vitest';
import { normalAt } from '../../../src/engine/core/rng.ts';
import {
  bandsOf,
  bestScale,
  flushedShare,
  frameLosses,
  isScaledOperand,
  largestExponent,
  lossesAt,
} from '../../../src/engine/inspect/bands.ts';
import type { NumericsFrame } from '../../../src/engine/inspect/frame.ts';
import { BINS } from '../../../src/engine/kernels/numerics.ts';
import { FORMATS, type FormatId, formatInfo } from '../../../src/engine/precision/formats.ts';
import { exponentHistogram } from '../../../src/engine/reference/exponents.ts';
import { f32Bits, roundTo } from '../../../src/engine/reference/rounding.ts';
import { row } from '../numericsRow.ts';

function histogram(values: readonly number[]): Uint32Array {
  return exponentHistogram(values.map(f32Bits));
}

function frameOf(tensors: readonly (readonly number[])[], scale = 1): NumericsFrame {
  const counts = new Uint32Array(tensors.length * BINS);
  for (const [i, values] of tensors.entries()) counts.set(histogram(values.map((x) => x * scale)), i * BINS);
  const rows = tensors.map((_, i) => row('activationGradient', `h.${i}.attn gradient`, 'f16', false));
  return { step: 1, scale, rows, counts, noise: [], cost: null };
}

test('the bands of f16 are those of its definition', () => {
  expect(bandsOf('f16')).toEqual({ keptFrom: -25, normalFrom: -14, overflowFrom: 16 });
  expect(bandsOf('f16-flush')).toEqual({ keptFrom: -14, normalFrom: -14, overflowFrom: 16 });
  expect(bandsOf('bf16')).toEqual({ keptFrom: -134, normalFrom: -126, overflowFrom: 128 });
  expect(bandsOf('f32')).toEqual({ keptFrom: -150, normalFrom: -126, overflowFrom: 128 });
  expect(bandsOf('e4m3fn')).toEqual({ keptFrom: -10, normalFrom: -6, overflowFrom: 9 });
  expect(bandsOf('e5m2')).toEqual({ keptFrom: -17, normalFrom: -14, overflowFrom: 16 });
  expect(bandsOf('i8')).toEqual({ keptFrom: -1, normalFrom: 6, overflowFrom: 7 });
});

describe('the loss of precision at a scale', () => {
  // Three quarters between powers of two, where no bin lies in two bands.
  const values = Array.from({ length: 60 }, (_, i) => (i % 2 ? -0.75 : 0.75) * 2 ** (i - 42));

  test.each(Object.keys(FORMATS) as FormatId[])('in %s matches rounding at that scale', (format) => {
    const counts = histogram(values);
    for (let scale = 0; scale <= 24; scale++) {
      const stored = values.map((x) => roundTo(format, x * 2 ** scale));
      const { flushed, overflow, subnormal, normal } = lossesAt(counts, scale, bandsOf(format));
      expect(flushed).toBe(stored.filter((x) => x === 0).length);
      const beyond = values.filter(
        (x) => f32Bits(Math.abs(x) * 2 ** scale) >= formatInfo(format).overflowBits,
      );
      expect(overflow).toBe(beyond.length);
      expect(flushed + overflow + subnormal + normal).toBe(values.length);
    }
  });

  test('does not depend on the scale at which values were counted', () => {
    const gradients = Array.from({ length: 500 }, (_, i) => normalAt(i, 3) * 2 ** (-10 - (i % 20)));
    for (const scale of [0, 7, 24]) {
      const [plain, scaled] = [1, 2 ** 16].map((counted) =>
        frameLosses(frameOf([gradients], counted), scale, bandsOf('f16'), isScaledOperand),
      );
      expect(scaled).toEqual(plain);
    }
  });

  test('leaves zeros out of the share, and counts values that were never finite as overflows at any scale', () => {
    const counts = histogram([0, -0, 0, 2 ** -30, 1, Number.POSITIVE_INFINITY, Number.NaN]);
    const losses = lossesAt(counts, 0, bandsOf('f16'));
    expect(losses).toEqual({ zeros: 3, flushed: 1, subnormal: 0, normal: 1, overflow: 2 });
    expect(flushedShare(losses)).toBe(1 / 4);
    expect(lossesAt(counts, -24, bandsOf('f16')).overflow).toBe(2);
    expect(flushedShare(lossesAt(histogram([0]), 0, bandsOf('f16')))).toBeNull();
  });
});

test('the largest exponent is of the unscaled values', () => {
  expect(largestExponent(histogram([3 * 2 ** 16, 2 ** -3]), 16)).toBe(1);
  expect(largestExponent(histogram([0, Number.NaN]), 16)).toBeNull();
});

describe('the scale that loses least', () => {
  test('raises small gradients out of the flushed band, and no further than needed', () => {
    expect(bestScale(frameOf([[0.75 * 2 ** -30]]), bandsOf('f16'))).toBe(17); // 2^-31 becomes 2^-14
  });

  test('avoids overflows where it can, since an overflow skips a step', () => {
    const frame = frameOf([[1.5 * 2 ** 8], new Array<number>(1000).fill(2 ** -60)]);
    const scale = bestScale(frame, bandsOf('f16'));
    expect(frameLosses(frame, scale, bandsOf('f16'), isScaledOperand).overflow).toBe(0);
    expect(scale).toBe(0); // 2^-60 is lost at every scale that 2^8 allows
  });

  test('of a format with the range of f32 is none', () => {
    expect(bestScale(frameOf([[1e-12, 1e3]]), bandsOf('bf16'))).toBe(0);
  });

  test('does not depend on parameter gradients, which are not narrowed', () => {
    const frame = frameOf([[2 ** -20], [2 ** -40]]);
    const rows = [frame.rows[0]!, row('parameterGradient', 'wte.weight', 'f32', false)];
    expect(bestScale({ ...frame, rows }, bandsOf('f16'))).toBe(6);
  });
});
