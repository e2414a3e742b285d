import { expect, test } from 'vitest';
import type { StepMetrics } from '../../src/engine/train/metrics.ts';
import { type Trouble, TroubleWatch } from '../../src/engine/train/trouble.ts';

const STEP: StepMetrics = {
  step: 0,
  loss: 2,
  lossScale: 65536,
  skipped: false,
  overflow: null,
  gradNorm: 1,
  lr: 1e-3,
  appliedSteps: 0,
  skippedSteps: 0,
  gpuMs: null,
};

function troubles(watch: TroubleWatch, steps: readonly Partial<StepMetrics>[]): Trouble[] {
  return steps.flatMap((step, index) => watch.next({ ...STEP, step: index + 1, ...step }) ?? []);
}

/** Losses that fall slowly and vary by 0.05. */
function losses(count: number): Partial<StepMetrics>[] {
  return Array.from({ length: count }, (_, i) => ({ loss: 3 - 0.002 * i + 0.05 * Math.sin(i * 1.7) }));
}

test('ten skips in a row are told once, with the tensor and the scale', () => {
  const skip = { skipped: true, overflow: 'h.1.mlp.c_fc', lossScale: 4096 };
  const told = troubles(new TroubleWatch(true), [...Array(25).fill(skip), {}, ...Array(9).fill(skip)]);
  expect(told.map(({ kind, step }) => [kind, step])).toEqual([['skips', 10]]);
  expect(told[0]!.message).toContain('h.1.mlp.c_fc');
  expect(told[0]!.message).toContain('2^12');
});

test('a skip at the floor is told when the scale gets there, and again after it had risen', () => {
  const floor = { skipped: true, overflow: 'h.0.attn', lossScale: 1 };
  const told = troubles(new TroubleWatch(true), [{ ...floor, lossScale: 2 }, floor, floor, {}, floor]);
  expect(told.map(({ kind, step }) => [kind, step])).toEqual([
    ['scaleFloor', 2],
    ['scaleFloor', 5],
  ]);
});

test('a mode without a scaler stops by itself: nothing is told of its skips', () => {
  expect(troubles(new TroubleWatch(false), Array(12).fill({ skipped: true, lossScale: 1 }))).toEqual([]);
});

test('a spike is six standard deviations above the mean of 128 losses, and a new level is told once', () => {
  const spiked = [...losses(140), { loss: 7 }, ...Array(200).fill({ loss: 7 })];
  const told = troubles(new TroubleWatch(true), spiked);
  expect(told.map(({ kind, step }) => [kind, step])).toEqual([['lossSpike', 141]]);
  expect(told[0]!.message).toContain('7.000');
});

test('no spike: too few losses, a fall, ordinary noise, constant losses, losses that are not finite', () => {
  expect(troubles(new TroubleWatch(true), [...losses(127), { loss: 9 }])).toEqual([]);
  expect(troubles(new TroubleWatch(true), [...losses(140), { loss: 0.1 }, ...losses(300)])).toEqual([]);
  expect(troubles(new TroubleWatch(true), [...Array(130).fill({ loss: 2 }), { loss: 2.0001 }])).toEqual([]);
  expect(troubles(new TroubleWatch(true), [...losses(140), { loss: null }, ...losses(10)])).toEqual([]);
});
