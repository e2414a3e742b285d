import { describe, expect, it } from 'vitest';
import { type ScalerOptions, TORCH_LIMITS, updateScaler } from '../../../src/engine/reference/scaler.ts';

function trace(scale: number, flags: readonly number[], options: ScalerOptions): [number, number][] {
  let state = { scale, growthTracker: 0 };
  return flags.map((flag) => {
    state = updateScaler(state, flag === 1, options);
    return [state.scale, state.growthTracker];
  });
}

describe("the traces of PyTorch's GradScaler", () => {
  it('growth 2, backoff 0.25, interval 2', () => {
    const options = { growth: 2, backoff: 0.25, interval: 2, ...TORCH_LIMITS };
    expect(trace(4, [0, 0, 1], options)).toEqual([
      [4, 1],
      [8, 0],
      [2, 0],
    ]);
  });

  it('growth 2, backoff 0.5, interval 1', () => {
    const options = { growth: 2, backoff: 0.5, interval: 1, ...TORCH_LIMITS };
    expect(trace(128, [0, 0, 0, 1], options).map(([scale]) => scale)).toEqual([256, 512, 1024, 512]);
  });

  it('growth never makes the scale infinite', () => {
    const options = { growth: 16, interval: 1, ...TORCH_LIMITS };
    expect(trace(1e38, [0], options)).toEqual([[1e38, 0]]);
  });
});

describe("this project's limits", () => {
  it('an overflow resets the tracker, so growth waits a whole interval', () => {
    expect(trace(1024, [0, 0, 1, 0, 0, 0], { interval: 3 })).toEqual([
      [1024, 1],
      [1024, 2],
      [512, 0],
      [512, 1],
      [512, 2],
      [1024, 0],
    ]);
  });

  it('200 overflows in a row stop at the floor', () => {
    const scales = trace(2 ** 16, Array(200).fill(1), { interval: 2000 }).map(([scale]) => scale);
    expect(scales[15]).toBe(1);
    expect(scales.at(-1)).toBe(1);
    expect(scales).not.toContain(0.5);
  });

  it('grows to the ceiling and no further, and still counts', () => {
    expect(trace(2 ** 23, [0, 0, 0], { interval: 1 }).map(([scale]) => scale)).toEqual([
      2 ** 24,
      2 ** 24,
      2 ** 24,
    ]);
    expect(trace(2 ** 24, [0, 0], { interval: 2 })).toEqual([
      [2 ** 24, 1],
      [2 ** 24, 0],
    ]);
  });

  it('leaves a start above the ceiling alone until it overflows', () => {
    expect(trace(2 ** 30, [0, 1, 0], { interval: 1 })).toEqual([
      [2 ** 30, 0],
      [2 ** 29, 0],
      [2 ** 29, 0],
    ]);
  });
});
