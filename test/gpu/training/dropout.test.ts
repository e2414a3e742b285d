/** Dropout in a run: where it is on, and what it depends on. Its gradients are in gradients.test.ts. */
import { expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import type { TrainConfig, Trainer } from '../../../src/engine/index.ts';
import { fileOf, parametersOf, setOne, takeSteps, withTrainer } from './helper.ts';

/** Steps of weights that do not move: losses differ by batch and by what is dropped alone. */
const STILL = { learningRate: 0, minLearningRate: 0, dropout: 0.3 } as const;

test('evaluation and samples drop nothing', async () => {
  const measured = (dropout: number) =>
    withTrainer({ dropout }, async (trainer) => {
      const before = { valLoss: await trainer.evaluate(), logits: await trainer.nextTokenLogits([1, 2, 3]) };
      const [step] = await takeSteps(trainer, 1);
      return { before, loss: step!.loss! };
    });
  const [off, on] = [await measured(0), await measured(0.5)];
  expect(on.before).toEqual(off.before);
  expect(on.loss).not.toBe(off.loss);
});

test('a batch drops the same when it is computed again, also after a step was skipped', async () => {
  const applied = await withTrainer(STILL, async (trainer) => {
    const start = await openRun(
      bytesSource('run.safetensors', await fileOf(trainer, await trainer.snapshots())),
    );
    const losses = (await takeSteps(trainer, 2)).map(({ loss }) => loss);
    await trainer.restore(start);
    const again = (await takeSteps(trainer, 2)).map(({ loss }) => loss);
    expect(again).toEqual(losses);
    return losses;
  });
  const skipped = await withTrainer(STILL, async (trainer) => {
    const initial = await parametersOf(trainer, 'master');
    await setOne(trainer, 'h.0.mlp.c_fc.bias', 3, Number.POSITIVE_INFINITY);
    const [first] = await takeSteps(trainer, 1);
    expect(first).toMatchObject({ skipped: true });
    await trainer.setParameters((name) => Float32Array.from(initial.get(name)!));
    return (await takeSteps(trainer, 1))[0]!.loss;
  });
  expect(skipped).toBe(applied[1]);
});

test('a step that is cut otherwise drops the same', async () => {
  const losses: number[] = [];
  const cuts: Partial<TrainConfig>[] = [
    { batch: 8, accumulation: 2 },
    { batch: 8, accumulation: 2, microBatch: 2 },
    { batch: 4, accumulation: 4 },
    { batch: 16 },
  ];
  for (const cut of cuts) {
    const first = (trainer: Trainer) => takeSteps(trainer, 1);
    const [step] = await withTrainer({ ...STILL, order: 'sequential', ...cut }, first);
    losses.push(step!.loss!);
  }
  // As in microBatches.test.ts: the losses of rows have the same bits, and only their sum is rounded in another order.
  const bound = 2 * (2 + 8 + 2 + 10) * 2 ** -24 * losses[0]!;
  const errors = losses.map((loss) => Math.abs(loss - losses[0]!));
  console.log(
    `losses ${losses}, errors ${errors.map((x) => x.toExponential(1))}, bound ${bound.toExponential(1)}`,
  );
  for (const error of errors) expect(error).toBeLessThanOrEqual(bound);
  const [other] = await withTrainer({ ...STILL, dropout: 0, order: 'sequential', batch: 16 }, (trainer) =>
    takeSteps(trainer, 1),
  );
  expect(Math.abs(other!.loss! - losses[0]!)).toBeGreaterThan(100 * bound);
});

test('the gradients of what was dropped have rows of their own in the numerics panel, the same each time', () =>
  withTrainer({ precision: 'fp16', dropout: 0.2 }, async (trainer) => {
    const [once, again] = [await trainer.countGradients(), await trainer.countGradients()];
    expect(again.counts).toEqual(once.counts);
    const bins = once.counts.length / once.rows.length;
    const row = once.rows.findIndex(({ name }) => name === 'dropped gradient at h.0.mlp.c_proj');
    const counts = once.counts.subarray(row * bins, (row + 1) * bins);
    const total = counts.reduce((a, b) => a + b);
    // A fifth is zero, within 4 sigma.
    expect(Math.abs(counts[0]! - 0.2 * total)).toBeLessThan(4 * Math.sqrt(total * 0.2 * 0.8));
  }));
