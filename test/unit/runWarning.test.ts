import { expect, test } from 'vitest';
import { PRECISION_MODES, recipeOf } from '../../src/engine/precision/recipes.ts';
import type { StepMetrics } from '../../src/engine/train/metrics.ts';
import { type RunWarning, WarningWatch } from '../../src/engine/train/runWarning.ts';
import { spikeHint } from '../../src/engine/train/spikeHint.ts';

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

function troubles(watch: WarningWatch, steps: readonly Partial<StepMetrics>[]): RunWarning[] {
  return steps.flatMap((step, index) => watch.next({ ...STEP, step: index + 1, ...step }) ?? []);
}

/** Losses that fall slowly and vary by 0.05. */
function losses(count: number): Partial<StepMetrics>[] {
  return Array.from({ length: count }, (_, i) => ({ loss: 3 - 0.002 * i + 0.05 * Math.sin(i * 1.7) }));
}

test('ten skips in a row are told once, with the tensor and the scale', () => {
  const skip = { skipped: true, overflow: 'h.1.mlp.c_fc', lossScale: 4096 };
  const told = troubles(new WarningWatch(recipeOf('fp16')), [
    ...Array(25).fill(skip),
    {},
    ...Array(9).fill(skip),
  ]);
  expect(told.map(({ kind, step }) => [kind, step])).toEqual([['skips', 10]]);
  expect(told[0]!.message).toContain('h.1.mlp.c_fc');
  expect(told[0]!.message).toContain('2^12');
});

test('a skip at the floor is told when the scale gets there, and again after it had risen', () => {
  const floor = { skipped: true, overflow: 'h.0.attn', lossScale: 1 };
  const told = troubles(new WarningWatch(recipeOf('fp16')), [
    { ...floor, lossScale: 2 },
    floor,
    floor,
    {},
    floor,
  ]);
  expect(told.map(({ kind, step }) => [kind, step])).toEqual([
    ['scaleFloor', 2],
    ['scaleFloor', 5],
  ]);
});

test('a mode without a scaler stops by itself: nothing is told of its skips', () => {
  expect(
    troubles(new WarningWatch(recipeOf('bf16')), Array(12).fill({ skipped: true, lossScale: 1 })),
  ).toEqual([]);
});

test('a spike is six standard deviations above the mean of 128 losses, and a new level is told once', () => {
  const spiked = [...losses(140), { loss: 7 }, ...Array(200).fill({ loss: 7 })];
  const told = troubles(new WarningWatch(recipeOf('fp16')), spiked);
  expect(told.map(({ kind, step }) => [kind, step])).toEqual([['lossSpike', 141]]);
  expect(told[0]!.message).toContain('7.000');
});

test('no spike: too few losses, a fall, ordinary noise, constant losses, losses that are not finite', () => {
  expect(troubles(new WarningWatch(recipeOf('fp16')), [...losses(127), { loss: 9 }])).toEqual([]);
  expect(
    troubles(new WarningWatch(recipeOf('fp16')), [...losses(140), { loss: 0.1 }, ...losses(300)]),
  ).toEqual([]);
  expect(
    troubles(new WarningWatch(recipeOf('fp16')), [...Array(130).fill({ loss: 2 }), { loss: 2.0001 }]),
  ).toEqual([]);
  expect(
    troubles(new WarningWatch(recipeOf('fp16')), [...losses(140), { loss: null }, ...losses(10)]),
  ).toEqual([]);
});

test('no mode that is made to fail is advised to train more gently, and the share that was counted is named', () => {
  const unsound = PRECISION_MODES.map(recipeOf).filter((recipe) => recipe.unsound);
  expect(unsound.length).toBeGreaterThan(0);
  for (const recipe of unsound) {
    for (const flushed of [null, 0, 0.005, 0.978]) {
      const hint = spikeHint(recipe, flushed);
      expect(hint).not.toMatch(/learning rate|warm-up|clipping/);
      expect(hint).toContain('made to fail');
    }
    expect(spikeHint(recipe, 0.978)).toContain('97.8 % of the gradients');
    expect(spikeHint(recipe, 0.978)).not.toContain('only');
    expect(spikeHint(recipe, 0.005)).toContain('only 0.50 %');
    expect(spikeHint(recipe, null)).toContain('not counted');
  }
  expect(spikeHint(recipeOf('fp16-noscale'), 0.5)).toContain('below 2⁻¹⁴ become zero');
  expect(spikeHint(recipeOf('fp16-pure'), 0.5)).toContain('below 2⁻²⁵ become zero');
  expect(spikeHint(recipeOf('fp16-pure'), 0)).toContain('no FP32 copy');
  expect(spikeHint(recipeOf('fp16-noscale'), 0)).not.toContain('no FP32 copy');
});

test('a simulated mode with few exponents loses gradients too, and others are given the general advice', () => {
  expect(spikeHint(recipeOf('e5m2'), 0.4)).toMatch(/40\.0 % .*flushed to zero.*Use a mode with loss scaling/);
  expect(spikeHint(recipeOf('e5m2'), 0)).toContain('learning rate');
  for (const mode of ['fp32', 'bf16', 'fp16', 'fp16-static', 'e8m3', 'fp8', 'bf16-sr'] as const) {
    expect(spikeHint(recipeOf(mode), null)).toMatch(/^One such step often passes by itself/);
  }
});
