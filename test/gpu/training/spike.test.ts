/** One step whose gradients are thirty times as large as all before: what is measured of it, and the alarm. */
import { expect, test } from 'vitest';
import type { TrainConfig } from '../../../src/engine/index.ts';
import { RMS_SPIKE } from '../../../src/engine/inspect/tensorNumbers.ts';
import { recipeFor } from '../../../src/engine/precision/recipes.ts';
import { WarningWatch } from '../../../src/engine/train/runWarning.ts';
import { TINY, takeSteps, withTrainer, writeScale } from './helper.ts';

const PLANTED = 31;
const AFTER = 8;

/** The steps around the planted one. Its gradients are multiplied by the loss scale and divided by 1. */
async function steps(overrides: Partial<TrainConfig>) {
  const config = { precision: 'fp32', updateRms: true, clip: 0, warmup: 0, steps: 60, ...overrides } as const;
  const metrics = await withTrainer(config, async (trainer) => {
    const before = await takeSteps(trainer, PLANTED - 1);
    const state = trainer.arena.buffer(trainer.plan.tensors.state);
    trainer.device.queue.writeBuffer(state, 0, new Float32Array([30, 1]));
    const planted = await takeSteps(trainer, 1);
    writeScale(trainer, 1);
    return [...before, ...planted, ...(await takeSteps(trainer, AFTER))];
  });
  const watch = new WarningWatch(recipeFor({ ...TINY, ...config }));
  const warnings = metrics.flatMap((step) => watch.next({ ...step, gpuMs: null }) ?? []);
  return { metrics, warnings };
}

test.each(['adamw', 'stable-adamw'] as const)(
  '%s: the alarm goes off in that step, by name',
  async (optimizer) => {
    const { metrics, warnings } = await steps({ optimizer, beta2: 0.999 });
    const first = metrics.map(({ rms }) => rms!.first!);
    const usual = Math.max(...first.slice(10, PLANTED - 1).map(({ rms }) => rms));
    const { name, rms } = first[PLANTED - 1]!;
    console.log(
      `${optimizer}: up to ${usual.toFixed(2)} in steps 11 to 30, then ${rms.toFixed(2)} of ${name}`,
    );
    expect(usual).toBeLessThan(RMS_SPIKE);
    expect(rms).toBeGreaterThan(RMS_SPIKE);
    expect(warnings.map(({ kind, step }) => [kind, step])).toEqual([['rmsSpike', PLANTED]]);
    expect(warnings[0]!.message).toContain(`The update of ${name} had an RMS of ${rms.toFixed(2)}`);
    expect(Object.keys(metrics[PLANTED - 1]!.rms!.byTensor)).toContain('h.1.mlp.c_fc.weight');
  },
);

test('a probed step has the RMS of each update, that of its metrics, and a skipped step none', () =>
  withTrainer({ precision: 'fp32', optimizer: 'stable-adamw', updateRms: true }, async (trainer) => {
    await trainer.numerics.enable(1, false);
    const metrics = await takeSteps(trainer, 2);
    const frames = trainer.numerics.takeFrames();
    expect(frames.map(({ updates }) => updates!.length)).toEqual([28, 28]);
    for (const [index, { updates }] of frames.entries())
      expect(Object.fromEntries(updates!.map(({ name, rms }) => [name, rms]))).toEqual(
        metrics[index]!.rms!.byTensor,
      );
    const state = trainer.arena.buffer(trainer.plan.tensors.state);
    trainer.device.queue.writeBuffer(state, 0, new Float32Array([Number.POSITIVE_INFINITY, 1]));
    const [skipped] = await takeSteps(trainer, 1);
    expect(skipped!.skipped).toBe(true);
    const [frame] = trainer.numerics.takeFrames();
    expect(frame!.step).toBe(3);
    expect(frame!.updates).toBeUndefined();
    writeScale(trainer, 1);
    expect((await trainer.countGradients()).updates).toBeUndefined();
  }));

test('with a beta2 of 0.5 no step can set it off', async () => {
  const { metrics, warnings } = await steps({ beta2: 0.5 });
  expect(metrics[PLANTED - 1]!.rms!.first!.rms).toBeLessThanOrEqual(1 / Math.sqrt(1 - 0.5) + 1e-6);
  expect(warnings).toEqual([]);
});
