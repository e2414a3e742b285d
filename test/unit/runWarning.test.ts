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

function warningsOf(watch: WarningWatch, steps: readonly Partial<StepMetrics>[]): RunWarning[] {
  return steps.flatMap((step, index) => watch.next({ ...STEP, step: index + 1, ...step }) ?? []);
}

/** Losses that decrease slowly and vary by 0.05. */
function losses(count: number): Partial<StepMetrics>[] {
  return Array.from({ length: count }, (_, i) => ({ loss: 3 - 0.002 * i + 0.05 * Math.sin(i * 1.7) }));
}

test('ten consecutive skips cause one warning, with the tensor and the scale', () => {
  const skip = { skipped: true, overflow: 'h.1.mlp.c_fc', lossScale: 4096 };
  const warnings = warningsOf(new WarningWatch(recipeOf('fp16')), [
    ...Array(25).fill(skip),
    {},
    ...Array(9).fill(skip),
  ]);
  expect(warnings.map(({ kind, step }) => [kind, step])).toEqual([['skips', 10]]);
  expect(warnings[0]!.message).toContain('h.1.mlp.c_fc');
  expect(warnings[0]!.message).toContain('2^12');
});

test('a skip at the floor causes a warning when the scale gets there, and again after it had risen', () => {
  const floor = { skipped: true, overflow: 'h.0.attn', lossScale: 1 };
  const warnings = warningsOf(new WarningWatch(recipeOf('fp16')), [
    { ...floor, lossScale: 2 },
    floor,
    floor,
    {},
    floor,
  ]);
  expect(warnings.map(({ kind, step }) => [kind, step])).toEqual([
    ['scaleFloor', 2],
    ['scaleFloor', 5],
  ]);
});

test('there are no warnings about skips in a mode without a scaler, which stops by itself', () => {
  expect(
    warningsOf(new WarningWatch(recipeOf('bf16')), Array(12).fill({ skipped: true, lossScale: 1 })),
  ).toEqual([]);
});

test('a spike is six standard deviations above the mean of 128 losses, and a new level causes one warning', () => {
  const spiked = [...losses(140), { loss: 7 }, ...Array(200).fill({ loss: 7 })];
  const warnings = warningsOf(new WarningWatch(recipeOf('fp16')), spiked);
  expect(warnings.map(({ kind, step }) => [kind, step])).toEqual([['lossSpike', 141]]);
  expect(warnings[0]!.message).toContain('7.000');
});

test('too few losses, a decrease, noise, constant losses and non-finite losses are no spikes', () => {
  expect(warningsOf(new WarningWatch(recipeOf('fp16')), [...losses(127), { loss: 9 }])).toEqual([]);
  expect(
    warningsOf(new WarningWatch(recipeOf('fp16')), [...losses(140), { loss: 0.1 }, ...losses(300)]),
  ).toEqual([]);
  expect(
    warningsOf(new WarningWatch(recipeOf('fp16')), [...Array(130).fill({ loss: 2 }), { loss: 2.0001 }]),
  ).toEqual([]);
  expect(
    warningsOf(new WarningWatch(recipeOf('fp16')), [...losses(140), { loss: null }, ...losses(10)]),
  ).toEqual([]);
});

test('for modes meant to fail the hint does not suggest gentler training, and gives the counted share', () => {
  const unsound = PRECISION_MODES.map(recipeOf).filter((recipe) => recipe.unsound);
  expect(unsound.length).toBeGreaterThan(0);
  for (const recipe of unsound) {
    for (const flushed of [null, 0, 0.005, 0.978]) {
      const hint = spikeHint(recipe, flushed);
      expect(hint).not.toMatch(/learning rate|warm-up|clipping/);
      expect(hint).toContain('meant to show a failure');
    }
    // Gradients in bf16 and f32 have the range of FP32.
    if (recipe.id === 'bf16-pure') continue;
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

test('a simulated mode with few exponents loses gradients too, and other modes get the general hint', () => {
  expect(spikeHint(recipeOf('e5m2'), 0.4)).toMatch(/40\.0 % .*flushed to zero.*Use a mode with loss scaling/);
  expect(spikeHint(recipeOf('e5m2'), 0)).toContain('learning rate');
  for (const mode of ['fp32', 'bf16', 'fp16', 'fp16-static', 'e8m3', 'fp8', 'bf16-sr'] as const) {
    expect(spikeHint(recipeOf(mode), null)).toMatch(/^The loss often recovers from a single spike/);
  }
});
