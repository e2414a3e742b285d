import { describe, expect, it } from 'vitest';
import { largestBits } from '../../../src/engine/precision/quantization.ts';
import { f32Bits, fromF32Bits } from '../../../src/engine/reference/rounding.ts';
import {
  currentScale,
  type DelayedScale,
  nextDelayedScale,
  quantized,
  quantizedInGroups,
  scaleFor,
} from '../../../src/engine/reference/tensorScale.ts';

const FORMATS = [
  ['e4m3fn', 448],
  ['e5m2', 57344],
] as const;

describe.each(FORMATS)('%s', (format, largest) => {
  it('the largest value is the one of the format', () => {
    expect(fromF32Bits(largestBits(format))).toBe(largest);
  });

  it('the scale is the largest power of two that keeps the tensor in range', () => {
    for (let i = -400; i <= 400; i++) {
      for (const x of [1, 1.5, 1.75, 1.75 + 2 ** -22, 1.999].map((m) => m * 2 ** (i / 4))) {
        const amax = Math.fround(x);
        const scale = currentScale([0, -amax, amax / 3], format);
        expect(amax * scale).toBeLessThanOrEqual(largest);
        expect(amax * scale * 2).toBeGreaterThan(largest);
      }
    }
  });

  it('zero, infinity and NaN have no scale, and a tiny tensor the largest whose inverse is a normal number', () => {
    for (const nothing of [
      [0, -0],
      [1, Number.NaN],
      [Number.NEGATIVE_INFINITY, 3],
    ]) {
      expect(currentScale(nothing, format)).toBe(1);
    }
    for (const tiny of [2 ** -149, 2 ** -130, 2 ** -126, 1e-37])
      expect(currentScale([tiny], format)).toBe(2 ** 126);
    const huge = currentScale([3.4028234e38], format);
    expect(huge).toBe(2 ** (format === 'e5m2' ? -113 : -120));
  });

  it('a tensor of one magnitude is stored to half a step of the format', () => {
    for (const x of [1e-9, 0.3, 7e4]) {
      const copy = quantized([x, -x, x], format, currentScale([x], format));
      for (const [i, value] of copy.entries()) {
        expect(Math.abs(value / (i === 1 ? -x : x) - 1)).toBeLessThanOrEqual(
          format === 'e5m2' ? 2 ** -3 : 2 ** -4,
        );
      }
    }
  });
});

it('a group of 16 has a scale of its own, so that a large one costs the others nothing', () => {
  const small = Array.from({ length: 16 }, (_, i) => 1e-4 * (i + 1));
  const zero = new Array<number>(16).fill(0);
  const equal = new Array<number>(16).fill(0.3);
  const broken = [Number.NaN, Number.POSITIVE_INFINITY, ...new Array<number>(14).fill(1)];
  const values = [...small, ...zero, ...equal, 1e4, ...zero.slice(1), ...broken];
  const kept = quantizedInGroups(values, 'e4m3fn');
  for (const [i, x] of values.slice(0, 49).entries()) {
    expect(Math.abs(kept[i]! - x)).toBeLessThanOrEqual(2 ** -4 * x);
  }
  expect([...kept.slice(64)]).toEqual([Number.NaN, 448, ...new Array<number>(14).fill(1)]);
  // With one scale for all of them the small ones are zero or nearly so.
  const together = quantized(values.slice(0, 64), 'e4m3fn', currentScale(values.slice(0, 64), 'e4m3fn'));
  expect([...together.slice(0, 16)]).toEqual(zero);
});

describe('delayed scaling', () => {
  const step = (state: DelayedScale, x: number, margin = 0) =>
    nextDelayedScale(state, f32Bits(x), 'e4m3fn', margin);
  const values = ({ history }: DelayedScale) => history.map(fromF32Bits);

  it('rolls the history as TransformerEngine does: the newest last, the slot of the next step first', () => {
    let state: DelayedScale = { history: [0, 0, 0, 0], scale: 1 };
    for (const x of [5, 3, 1, 2]) state = step(state, x);
    expect(values(state)).toEqual([0, 3, 1, 2]);
    expect(state.scale).toBe(2 ** 6); // 5 still counts: 448 / 5 is 89.6
    expect(step(state, 2).scale).toBe(2 ** 7); // 3 is now the largest
  });

  it('of a history of one step is that of the most recent', () => {
    let state: DelayedScale = { history: [0], scale: 1 };
    for (const [x, scale] of [
      [448, 1],
      [1, 2 ** 8],
      [100, 4],
    ] as const) {
      state = step(state, x);
      expect(state).toEqual({ history: [0], scale });
    }
  });

  it('of the most recent step forgets the others, but not where there is nothing to go by', () => {
    let state: DelayedScale = { history: [0, 0, 0], scale: 1 };
    for (const [x, scale] of [
      [448, 1],
      [1, 2 ** 8],
      [0, 2 ** 8],
      [100, 4],
    ] as const) {
      state = nextDelayedScale(state, f32Bits(x), 'e4m3fn', 0, 'most_recent');
      expect(state.scale).toBe(scale);
    }
    expect(values(state)).toEqual([0, 0, 100]);
  });

  it('keeps the old scale where there is nothing finite to go by, and leaves room for a margin', () => {
    const state: DelayedScale = { history: [0, 0, 0], scale: 32 };
    for (const x of [0, Number.POSITIVE_INFINITY, Number.NaN]) expect(step(state, x).scale).toBe(32);
    expect(step(state, 1).scale).toBe(2 ** 8);
    expect(step(state, 1, 3).scale).toBe(2 ** 5);
    expect(scaleFor(f32Bits(1e-38), 'e5m2', 1)).toBe(2 ** 126);
  });
});
