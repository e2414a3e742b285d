/** Runs in 4 bits whose last steps have operands in bf16. */
import { expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { formatOf } from '../../../src/engine/gpu/tensor.ts';
import { openModelOfRun } from '../../../src/engine/index.ts';
import { fileOf, parametersOf, randomBatch, stateOf, TINY, takeSteps, withTrainer } from './helper.ts';

const ROWS = TINY.batch * TINY.context;
const batches = (index: number) => randomBatch(index, ROWS);
/** Three steps in 4 bits and three in bf16. */
const HEAL = {
  precision: 'nvfp4',
  heal: 0.5,
  steps: 6,
  warmup: 0,
  emaDecay: 0.5,
  sharpnessEvery: 1,
} as const;

const greedy = { prompt: '', length: 6, seed: 1, temperature: 0, topK: 0 } as const;

/** What reads weights between two steps. */
async function readings(trainer: Parameters<typeof fileOf>[0]) {
  return {
    loss: await trainer.evaluate(),
    average: await trainer.evaluate('average'),
    sharpness: await trainer.sharpness(),
    logits: [...(await trainer.nextTokenLogits([1, 2, 3]))],
    sample: await trainer.sample(greedy),
  };
}

test('the first steps are those of the mode, and the others those of bf16 from the same weights, to the bit', async () => {
  const plain = await withTrainer({ ...HEAL, heal: 0 }, (trainer) => takeSteps(trainer, 4), { batches });
  const healed = await withTrainer(
    HEAL,
    async (trainer) => {
      const first = await takeSteps(trainer, 3);
      const weights = await parametersOf(trainer, 'master');
      const read = await readings(trainer);
      const [step] = await takeSteps(trainer, 1);
      return { first, weights, read, step: step!, gradients: await parametersOf(trainer, 'gradient') };
    },
    { batches },
  );
  expect(healed.first).toEqual(plain.slice(0, 3));
  expect(healed.step.loss).not.toBe(plain[3]!.loss);
  await withTrainer(
    { ...HEAL, precision: 'bf16', heal: 0 },
    async (trainer) => {
      await trainer.setParameters((name) => Float32Array.from(healed.weights.get(name)!));
      const { average: _, sharpness, ...read } = await readings(trainer);
      expect({ ...healed.read, average: undefined }).toEqual({
        ...{ ...read, average: undefined },
        sharpness: { ...sharpness, step: 3 },
      });
      const [step] = await takeSteps(trainer, 1);
      expect(step!.loss).toBe(healed.step.loss);
      expect(step!.gradNorm).toBe(healed.step.gradNorm);
      expect(await parametersOf(trainer, 'gradient')).toEqual(healed.gradients);
    },
    { batches: (index) => batches(3 + index) },
  );
});

test.each([
  ['nvfp4', 3],
  ['nvfp4', 4],
  ['mxfp4', 2],
] as const)(
  '%s, saved after %d of six steps: it goes on as if it had not been',
  async (precision, before) => {
    const config = { ...HEAL, precision };
    const whole = await withTrainer(config, async (trainer) => {
      const snapshots = await trainer.snapshots();
      await takeSteps(trainer, before);
      const file = await fileOf(trainer, snapshots);
      const read = await readings(trainer);
      const rest = await takeSteps(trainer, 6 - before);
      return { file, read, rest, end: await fileOf(trainer, snapshots), last: await readings(trainer) };
    });
    const resume = await openRun(bytesSource('run.safetensors', whole.file));
    expect(resume.description.config.heal).toBe(0.5);
    await withTrainer(
      config,
      async (trainer) => {
        expect(await readings(trainer)).toEqual(whole.read);
        expect(await takeSteps(trainer, 6 - before)).toEqual(whole.rest);
        expect(await readings(trainer)).toEqual(whole.last);
        expect((await stateOf(trainer)).attempted).toBe(6);
        expect((await fileOf(trainer, await trainer.snapshots())).equals(whole.end)).toBe(true);
      },
      { resume },
    );
  },
);

test('the numerics panel lists each step in the formats that it had', () =>
  withTrainer(HEAL, async (trainer) => {
    await takeSteps(trainer, 2);
    await trainer.numerics.enable(1);
    await takeSteps(trainer, 2);
    await trainer.numerics.drain();
    const frames = trainer.numerics.takeFrames();
    const formats = frames.map(({ step, noise }) => [
      step,
      noise.filter(({ format }) => format === 'e2m1fn').length > 0,
    ]);
    expect(formats).toEqual([
      [3, true],
      [4, false],
    ]);
    const { rows } = await trainer.numerics.inspect('weights');
    expect(rows.find(({ name }) => name === 'h.0.mlp.c_fc.weight')!.format).toBe('bf16');
  }));

test('a finished run predicts with the weights that its last steps read', () =>
  withTrainer(HEAL, async (trainer) => {
    await takeSteps(trainer, 6);
    const logits = [...(await trainer.nextTokenLogits([1, 2, 3]))];
    const run = await openRun(bytesSource('run', await fileOf(trainer, await trainer.snapshots())));
    const model = await openModelOfRun(trainer.device, trainer.report, run);
    expect([...(await model.nextTokenLogits([1, 2, 3]))]).toEqual(logits);
    model.destroy();
    const healed = trainer.plan.tensors.healed!;
    expect(formatOf(healed.parameters.get('h.0.mlp.c_fc.weight')!.parts[0]!.weight)).toBe('bf16');
  }));
