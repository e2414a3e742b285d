/** Muon in whole runs: against the f64 oracle, in modes with other masters, with frozen matrices, and in files. */
import { expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { gptConfig } from '../../../src/engine/config/trainConfig.ts';
import { byteLength } from '../../../src/engine/gpu/tensor.ts';
import { isBlockMatrix } from '../../../src/engine/model/updateRules.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import { muonOrAdamw } from '../../../src/engine/reference/muon.ts';
import { storageOf, trainState, trainStep } from '../../../src/engine/reference/trainStep.ts';
import { described } from '../../unit/described.ts';
import {
  differences,
  fileOf,
  parametersOf,
  randomBatch,
  referenceBatch,
  relativeError,
  snapshot,
  TINY,
  TINY_VOCABULARY,
  takeSteps,
  withTrainer,
} from './helper.ts';

const ROWS = TINY.batch * TINY.context;
const batches = (index: number) => randomBatch(index, ROWS);
const MUON = {
  optimizer: 'muon',
  learningRate: 1e-3,
  minLearningRate: 1e-3,
  muonLearningRate: 0.02,
  warmup: 0,
  weightDecay: 0.1,
} as const;
const STEPS = 3;

// An f32 gradient is off by up to 30 sqrt(128) 2^-24 of its norm (torch.test.ts), and a step of Newton-Schulz multiplies an error by
// at most the largest slope of its polynomial, 3.4445, which is at 0 (two more times the error for the norm that it is divided by).
const GRADIENT = 30 * Math.sqrt(128) * 2 ** -24;
const DIRECTION = 3 * 3.4445 ** 5 * GRADIENT;

test.each([
  ['f32', 'keller-jordan', 'spectral'],
  ['bf16', 'keller-jordan', 'rms'],
] as const)(
  'fp32, momentum in %s, %s, %s: three accumulated and clipped steps follow the f64 oracle',
  (optimState, muonCoefficients, muonScale) =>
    withTrainer(
      { ...MUON, optimState, muonCoefficients, muonScale, accumulation: 2, clip: 0.5 },
      async (trainer, { buffers }) => {
        const { config, plan, arena } = trainer;
        expect(arena.liveBytes).toBe(
          plan.tensors.planned.reduce((sum, { tensor }) => sum + byteLength(tensor), 0),
        );
        expect([...buffers].map(({ label }) => label)).toContain('muon Gram matrix');
        const model = { config: gptConfig(config, TINY_VOCABULARY), recipe: described('fp32') };
        const start = await parametersOf(trainer, 'master');
        const state = trainState(model, start);
        const storage = storageOf(model.config, recipeOf('fp32'), config);
        const rateFactor = MUON.muonLearningRate / MUON.learningRate;
        const updateOf = muonOrAdamw({ ...config, rateFactor });
        for (let step = 0; step < STEPS; step++) {
          const [metrics] = await takeSteps(trainer, 1);
          const both = [2 * step, 2 * step + 1].map((index) => referenceBatch(batches(index), config));
          const oracle = trainStep(model, state, both, { ...config, scaler: null, updateOf, storage });
          expect(Math.abs(metrics!.loss! / oracle.loss - 1)).toBeLessThan(1e-4);
          expect(Math.abs(metrics!.gradNorm! / oracle.gradNorm - 1)).toBeLessThan(1e-4);
        }
        const end = await parametersOf(trainer, 'master');
        const errors: number[] = [];
        for (const [name, { spec }] of plan.tensors.parameters) {
          if (!isBlockMatrix(spec)) continue;
          const moved = (values: Float64Array) => values.map((value, i) => value - start.get(name)![i]!);
          errors.push(relativeError(moved(end.get(name)!), moved(state.masters.get(name)!)));
        }
        const bound = STEPS * DIRECTION;
        console.log(
          `steps of matrices: largest error ${Math.max(...errors).toExponential(1)}, bound ${bound.toExponential(1)}`,
        );
        expect(errors.length).toBe(4 * config.layers);
        for (const error of errors) expect(error).toBeLessThan(bound);
        // A vector's gradient that is nearly zero moves it by the rate either way (torch.test.ts).
        for (const [name, values] of end) {
          const wanted = state.masters.get(name)!;
          const largest = values.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0);
          if (!isBlockMatrix(plan.tensors.parameters.get(name)!.spec))
            expect(largest, name).toBeLessThan(2 * STEPS * MUON.learningRate);
        }
      },
      { batches },
    ),
);

test.each([
  ['fp16', 'bf16'],
  ['fp16-pure', 'f32'],
  ['bf16-sr', 'bf16'],
  ['bf16-split', 'f32'],
  ['fp8', 'f32'],
] as const)('%s, momentum in %s: learns, and frozen matrices keep every bit', (precision, optimState) => {
  const frozen = (name: string) => name === 'h.0.attn.c_attn.weight' || name === 'ln_f.bias';
  return withTrainer(
    { ...MUON, precision, optimState, steps: 40 },
    async (trainer) => {
      const before = await parametersOf(trainer, 'master');
      const metrics = await takeSteps(trainer, 30);
      const [first, last] = [metrics[0]!.loss!, metrics.at(-1)!.loss!];
      console.log(`${precision}: loss ${first.toFixed(3)} to ${last.toFixed(3)} in 30 steps`);
      expect(last).toBeLessThan(first - 0.3);
      const after = await parametersOf(trainer, 'master');
      const same = [...after.keys()].filter((name) =>
        after.get(name)!.every((x, i) => x === before.get(name)![i]),
      );
      expect(same).toEqual(['h.0.attn.c_attn.weight', 'ln_f.bias']);
    },
    { frozen },
  );
});

test('files have the momentum of matrices as muon.m. and the rest as AdamW has it; they resume bit by bit', async () => {
  const overrides = { ...MUON, precision: 'fp16', optimState: 'bf16' } as const;
  const whole = await withTrainer(overrides, async (trainer) => {
    const snapshots = await trainer.snapshots();
    await takeSteps(trainer, 2);
    const file = await fileOf(trainer, snapshots);
    await takeSteps(trainer, 2);
    return { file, after: await snapshot(trainer), specs: trainer.plan.tensors.specs };
  });
  const resume = await openRun(bytesSource('run.safetensors', whole.file));
  const names = [...resume.file.tensors.keys()];
  const having = (prefix: string) =>
    names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const matrices = whole.specs.filter(isBlockMatrix).map(({ name }) => name);
  const others = whole.specs.filter((spec) => !isBlockMatrix(spec)).map(({ name }) => name);
  expect(having('muon.m.').sort()).toEqual(matrices.sort());
  expect(having('adam.m.').sort()).toEqual(others.sort());
  expect(having('adam.v.').sort()).toEqual(others.sort());
  expect(resume.file.tensors.get('muon.m.h.0.mlp.c_fc.weight')).toMatchObject({ dtype: 'BF16' });
  await withTrainer(
    overrides,
    async (trainer) => {
      await takeSteps(trainer, 2);
      expect(differences(whole.after, await snapshot(trainer))).toEqual([]);
    },
    { resume },
  );
  await expect(
    withTrainer({ ...overrides, optimizer: 'adamw', muonLearningRate: null }, () => undefined, { resume }),
  ).rejects.toMatchObject({
    code: 'WRONG_RUN',
    message: expect.stringMatching(/is a run of muon .* with adamw/),
  });
});
