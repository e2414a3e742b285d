/** Measurements between steps: they change nothing in a saved run, and work before the first step. */
import { describe, expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import type { TrainConfig, Trainer } from '../../../src/engine/index.ts';
import { initialValues } from '../../../src/engine/model/parameters.ts';
import { fileOf, TINY, takeSteps, withTrainer } from './helper.ts';

/** Every operation that reads the weights, other than a step. */
const MEASUREMENTS: Readonly<Record<string, (trainer: Trainer) => Promise<unknown>>> = {
  evaluate: (trainer) => trainer.evaluate(),
  sharpness: (trainer) => trainer.sharpness(),
  sample: (trainer) => trainer.sample({ prompt: '0', length: 2, temperature: 1, topK: 0, seed: 1 }),
  countGradients: (trainer) => trainer.countGradients(),
  'inspect weights': (trainer) => trainer.numerics.inspect('weights'),
  'inspect activations': (trainer) => trainer.numerics.inspect('activations'),
};

describe('measurements change no byte of a saved run', () => {
  test.each([
    ['fp16', 0],
    ['fp16', 3],
    ['fp8', 3],
    ['fp8-delayed', 0],
    ['fp8-delayed', 3],
  ] as const)('%s after %d steps', (precision, steps) =>
    withTrainer({ precision, accumulation: 2, sharpnessEvery: 1 }, async (trainer) => {
      const snapshots = await trainer.snapshots();
      await takeSteps(trainer, steps);
      const before = await fileOf(trainer, snapshots);
      const changedBy: string[] = [];
      for (const [name, measure] of Object.entries(MEASUREMENTS)) {
        await measure(trainer);
        if (!before.equals(await fileOf(trainer, snapshots))) changedBy.push(name);
      }
      expect(changedBy).toEqual([]);
    }),
  );

  test('and a resumed run has the last loss of the saved run, which counted its gradients at the end', async () => {
    const { file, lastLoss } = await withTrainer({ precision: 'fp16', accumulation: 2 }, async (trainer) => {
      const snapshots = await trainer.snapshots();
      await takeSteps(trainer, 2);
      await trainer.countGradients();
      return { file: await fileOf(trainer, snapshots), lastLoss: trainer.lastLoss };
    });
    const resume = await openRun(bytesSource('run.safetensors', file));
    await withTrainer(
      resume.description.config,
      (trainer) => expect([lastLoss, trainer.lastLoss]).toEqual([expect.any(Number), lastLoss]),
      { resume },
    );
  });

  test('and a run that was saved before its first step has no last loss', async () => {
    const file = await withTrainer({}, async (trainer) => fileOf(trainer, await trainer.snapshots()));
    const resume = await openRun(bytesSource('run.safetensors', file));
    await withTrainer(resume.description.config, (trainer) => expect(trainer.lastLoss).toBeNull(), {
      resume,
    });
  });
});

describe('delayed scales are those of the run before its first step', () => {
  const config: TrainConfig = { ...TINY, precision: 'fp8-delayed', sharpnessEvery: 1 };
  /** The same function with layer norms 2^k times as large, and what reads them as much smaller. */
  const withScaled = (k: number, body: (trainer: Trainer) => Promise<number[]>): Promise<number[]> =>
    withTrainer(config, async (trainer) => {
      await trainer.setParameters((name) => {
        const up = /ln_[12]\.(weight|bias)$/.test(name);
        const down = /(c_attn|c_fc)\.weight$/.test(name);
        const factor = 2 ** (up ? k : down ? -k : 0);
        const { spec } = trainer.plan.tensors.parameters.get(name)!;
        return initialValues(spec, config.seed).map((value) => value * factor);
      });
      return body(trainer);
    });
  const MEASURED: Readonly<Record<string, (trainer: Trainer) => Promise<number[]>>> = {
    evaluate: async (trainer) => [(await trainer.evaluate())!],
    sharpness: async (trainer) => [(await trainer.sharpness()).sharpness!],
    'the next token': async (trainer) => [...(await trainer.nextTokenLogits([1, 2, 3]))],
  };

  test.each(Object.keys(MEASURED))('%s', async (name) => {
    const measured: number[][] = [];
    for (const k of [0, 12, -10]) measured.push(await withScaled(k, MEASURED[name]!));
    const [plain, up, down] = measured;
    // Powers of two are exact everywhere, in scales too: the same bits.
    expect(up).toEqual(plain);
    expect(down).toEqual(plain);
  });

  test('a run that was saved at step 0 without scales computes them when it is resumed', async () => {
    const { file, loss } = await withTrainer(config, async (trainer) => {
      const loss = await trainer.evaluate();
      const { scales } = trainer.plan.tensors.scales!;
      const words = new Uint32Array(await trainer.read(scales));
      // As files before had them: a scale of 1 for all that is not a weight.
      for (let i = 0; i < words.length; i += 4) words.set([0x3f800000, 0x3f800000], i);
      trainer.device.queue.writeBuffer(trainer.arena.buffer(scales), 0, words);
      return { file: await fileOf(trainer, await trainer.snapshots()), loss };
    });
    const resume = await openRun(bytesSource('run.safetensors', file));
    await withTrainer(config, async (trainer) => expect(await trainer.evaluate()).toBe(loss), { resume });
  });
});

test('a mean over many batches is as exact as one over few large ones', async () => {
  // Windows that are all alike round the same way each time they are added.
  const text = 'abc'.repeat(200);
  const mean = (batch: number, evalBatches: number) =>
    withTrainer({ batch, evalBatches, layers: 1 }, (trainer) => trainer.evaluate(), { text });
  const [many, few] = [await mean(1, 4096), await mean(64, 64)];
  console.log(`4,096 batches of 1: ${many}, 64 of 64: ${few}; bound 1e-6`);
  expect(Math.abs(many! - few!)).toBeLessThan(1e-6);
});
