/** Lion in whole runs: against the f64 oracle, with skipped steps, and with its own states in files. */
import { expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { gptConfig } from '../../../src/engine/config/trainConfig.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import { lion } from '../../../src/engine/reference/lion.ts';
import { storageOf, trainState, trainStep } from '../../../src/engine/reference/trainStep.ts';
import { described } from '../../unit/described.ts';
import {
  differences,
  fileOf,
  parametersOf,
  randomBatch,
  referenceBatch,
  snapshot,
  TINY,
  TINY_VOCABULARY,
  takeSteps,
  withTrainer,
} from './helper.ts';

const ROWS = TINY.batch * TINY.context;
const batches = (index: number) => randomBatch(index, ROWS);
const RATE = 1e-4;
const LION = {
  optimizer: 'lion',
  learningRate: RATE,
  minLearningRate: RATE,
  warmup: 0,
  weightDecay: 0.5,
} as const;

// An f32 gradient is off by up to 30 sqrt(128) 2^-24 of its norm (torch.test.ts). Where that is more than the momentum that
// the sign is taken of, the weight may go the other way: twice the rate a step. Key biases have no gradient but rounding.
test.each([
  ['f32', null],
  ['bf16', null],
  ['f32', TINY.width / 4],
] as const)(
  'fp32, momentum in %s, muP base width %s: three steps follow the f64 oracle',
  (optimState, mupBase) =>
    withTrainer(
      { ...LION, optimState, mupBase },
      async (trainer) => {
        const { config } = trainer;
        const model = { config: gptConfig(config, TINY_VOCABULARY), recipe: described('fp32') };
        const start = await parametersOf(trainer, 'master');
        const state = trainState(model, start);
        const storage = storageOf(model.config, recipeOf('fp32'), config);
        for (let step = 0; step < 3; step++) {
          const [metrics] = await takeSteps(trainer, 1);
          const oracle = trainStep(model, state, [referenceBatch(batches(step), config)], {
            ...{ ...config, learningRate: RATE, scaler: null, updateOf: () => lion, storage },
          });
          expect(Math.abs(metrics!.loss! / oracle.loss - 1)).toBeLessThan(1e-4);
          expect(Math.abs(metrics!.gradNorm! / oracle.gradNorm - 1)).toBeLessThan(1e-4);
        }
        const end = await parametersOf(trainer, 'master');
        const momenta = await parametersOf(trainer, { state: 'm' });
        let [others, all] = [0, 0];
        for (const [name, values] of end) {
          const wanted = state.masters.get(name)!;
          for (const [i, value] of values.entries()) {
            const error = Math.abs(value - wanted[i]!);
            expect(error, name).toBeLessThan(3.001 * 2 * RATE);
            if (name.endsWith('c_attn.bias')) continue;
            all += 1;
            if (error > 1e-6) others += 1;
          }
          // Rows that pad the vocabulary have neither gradient nor momentum: the sign of 0 is 0.
          if (name !== 'wte.weight') continue;
          const padding = TINY_VOCABULARY * config.width;
          expect(values.subarray(padding).every((value) => value === 0)).toBe(true);
          expect(
            momenta
              .get(name)!
              .subarray(padding)
              .every((value) => value === 0),
          ).toBe(true);
        }
        console.log(`${others} of ${all} weights went another way than the oracle's`);
        expect(others / all).toBeLessThan(1e-3);
      },
      { batches },
    ),
);

test.each([
  ['fp16', 'bf16'],
  ['fp16-pure', 'f32'],
  ['bf16-sr', 'f32'],
  ['bf16-split', 'bf16'],
] as const)('%s, momentum in %s: learns', (precision, optimState) =>
  withTrainer({ ...LION, precision, optimState, learningRate: 1e-3, steps: 40 }, async (trainer) => {
    const metrics = await takeSteps(trainer, 30);
    const [first, last] = [metrics[0]!.loss!, metrics.at(-1)!.loss!];
    console.log(`${precision}: loss ${first.toFixed(3)} to ${last.toFixed(3)} in 30 steps`);
    expect(last).toBeLessThan(first - 0.3);
  }),
);

test('files have its momentum as lion.m., and no other optimizer resumes them', async () => {
  const overrides = { ...LION, precision: 'fp16', optimState: 'bf16' } as const;
  const whole = await withTrainer(overrides, async (trainer) => {
    const snapshots = await trainer.snapshots();
    await takeSteps(trainer, 2);
    const file = await fileOf(trainer, snapshots);
    await takeSteps(trainer, 2);
    return { file, after: await snapshot(trainer) };
  });
  const resume = await openRun(bytesSource('run.safetensors', whole.file));
  const names = [...resume.file.tensors.keys()];
  expect(resume.file.tensors.get('lion.m.wte.weight')).toMatchObject({ dtype: 'BF16' });
  expect(names.filter((name) => name.startsWith('adam.'))).toEqual([]);
  await withTrainer(
    overrides,
    async (trainer) => {
      await takeSteps(trainer, 2);
      expect(differences(whole.after, await snapshot(trainer))).toEqual([]);
    },
    { resume },
  );
  await expect(
    withTrainer({ ...overrides, optimizer: 'adamw' }, () => undefined, { resume }),
  ).rejects.toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringMatching(/is a run of lion .* with adamw/),
  });
});
