/** A run that is saved and resumed equals, bit by bit, the run that was never stopped. */
import { describe, expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { Snapshots } from '../../../src/engine/checkpoint/snapshot.ts';
import type { TrainConfig } from '../../../src/engine/config/trainConfig.ts';
import { RunControl, runTraining, type Trainer } from '../../../src/engine/index.ts';
import type { Optimizer } from '../../../src/engine/kernels/optimizers/table.ts';
import type { OptimState } from '../../../src/engine/precision/optimStates.ts';
import { PRECISION_MODES } from '../../../src/engine/precision/recipes.ts';
import { learningRateAt } from '../../../src/engine/train/lrSchedule.ts';
import {
  differences,
  fileOf,
  resultOf,
  type StepResult,
  snapshot,
  takeSteps,
  withTrainer,
} from './helper.ts';

/** Compares six steps, with a save queued after the third, with the last three of a resumed run. */
async function expectExact(overrides: Partial<TrainConfig>): Promise<void> {
  const whole = await withTrainer(overrides, async (trainer) => {
    const snapshots = await trainer.snapshots();
    for (let step = 0; step < 3; step++) trainer.step();
    const file = await fileOf(trainer, snapshots);
    const metrics = await takeSteps(trainer, 3);
    return { file, metrics: metrics.slice(-3), after: await snapshot(trainer) };
  });
  const resume = await openRun(bytesSource('run.safetensors', whole.file));
  expect(resume.progress).toMatchObject({
    attempted: 3,
    nextMicroBatch: 3 * resume.description.config.accumulation,
  });
  await withTrainer(
    resume.description.config,
    async (trainer) => {
      expect(trainer.submittedSteps).toBe(3);
      expect(await takeSteps(trainer, 3)).toEqual(whole.metrics);
      expect(differences(whole.after, await snapshot(trainer))).toEqual([]);
      expect(trainer.firstLoss).toBe(resume.description.firstLoss);
      expect(trainer.changes).toEqual([]);
    },
    { resume },
  );
}

/** Every mode once, and every optimizer with every state once or more: the file has them independently of each other. */
const CASES: Readonly<Record<(typeof PRECISION_MODES)[number], readonly [OptimState, Optimizer]>> = {
  fp32: ['fp8', 'adamw'],
  tf32: ['fp8-e4m3-e5m2', 'adamw'],
  fp16: ['fp8', 'stable-adamw'],
  'fp16-tf32': ['f32', 'adamw'],
  'fp16-static': ['fp8-lm', 'stable-adamw'],
  'fp16-noscale': ['f32', 'stable-adamw'],
  'fp16-pure': ['f32', 'adamw'],
  bf16: ['bf16', 'stable-adamw'],
  'bf16-sr': ['bf16', 'adamw'],
  'bf16-split': ['fp8', 'adamw'],
  'bf16-last-fp32': ['fp8', 'stable-adamw'],
  'bf16-pure': ['f16-h', 'adamw'],
  fp8: ['f32', 'adamw'],
  'fp8-delayed': ['f32', 'adamw'],
  mxfp8: ['f32', 'adamw'],
  'fp8-block': ['bf16', 'adamw'],
  mxfp4: ['fp8', 'adamw'],
  nvfp4: ['f32', 'adamw'],
  'fp8-row': ['fp8', 'adamw'],
  int8: ['fp8', 'adamw'],
  'int8-m': ['f32', 'adamw'],
  'int8-q': ['bf16', 'stable-adamw'],
  'int8-all': ['fp8-lm', 'adamw'],
};

describe('three steps, a file, three more', () => {
  test.each(PRECISION_MODES.map((precision) => [precision, ...CASES[precision]] as const))(
    '%s, moments %s, %s',
    (precision, optimState, optimizer) => expectExact({ precision, optimState, optimizer }),
  );

  test('fp8-delayed with its head in FP8, settings of its history, accumulation and dropout', () =>
    expectExact({
      ...{ precision: 'fp8-delayed', quantizeHead: true, accumulation: 2, dropout: 0.2 },
      ...{ amaxHistory: 2, amaxAlgorithm: 'most_recent', scaleMargin: 1, quantizeActivations: '1x16' },
    }));

  test('with RoPE, shared keys and values, QK-norm and biases of q, k, v alone', () =>
    expectExact({
      ...{ precision: 'bf16', position: 'rope', ropeScaling: 'llama3:4:1:4:8', keyValueHeads: 1 },
      ...{ qkNorm: true, biases: 'qkv' },
    }));

  test('pure f16 with hAdam, Kahan compensation and a compound scale that backs off and grows', () =>
    expectExact({
      ...{ precision: 'fp16-pure', optimState: 'f16-h', master: 'kahan', lossScaling: 'compound' },
      ...{ lossScale: 2 ** 18, growthInterval: 1 },
    }));

  test('with skipped steps, a growing scale, accumulation, an untied head and averaged weights', () =>
    expectExact({
      ...{ precision: 'fp16', lossScale: 2 ** 34, growthInterval: 2, accumulation: 2 },
      ...{ tied: false, emaDecay: 0.9 },
    }));
});

test('an evaluation that was due at the save is taken on resuming, with the same value, and no bit of the training changes', async () => {
  const every = { precision: 'fp8-delayed', evalEvery: 2, sharpnessEvery: 2, steps: 4 } as const;
  const train = async (trainer: Trainer) => {
    const steps: StepResult[] = [];
    const told: unknown[] = [];
    let file: Buffer | undefined;
    await runTraining(
      trainer,
      {
        onStep: (metrics) => void steps.push(resultOf(metrics)),
        onEval: (metrics) => void told.push(metrics),
        onSharpness: (metrics) => void told.push(metrics),
        async afterStep(step) {
          if (step === 2) file = await fileOf(trainer, await trainer.snapshots());
        },
      },
      new RunControl(),
    );
    return { steps, told, file: file!, after: await snapshot(trainer) };
  };
  const whole = await withTrainer(every, train);
  expect(whole.told).toHaveLength(4);
  const resume = await openRun(bytesSource('run.safetensors', whole.file));
  await withTrainer(
    every,
    async (trainer) => {
      expect(trainer.lastLoss).toBe(whole.steps[1]!.loss);
      const { steps, told, after } = await train(trainer);
      expect(told).toEqual(whole.told);
      expect(steps).toEqual(whole.steps.slice(2));
      expect(differences(whole.after, after)).toEqual([]);
    },
    { resume },
  );
});

test('a run resumes on another adapter, without matrix units and for more steps, and its files record since which step', async () => {
  const began = await withTrainer({}, async (trainer) => {
    await takeSteps(trainer, 2);
    return fileOf(trainer, await trainer.snapshots(), {
      adapter: 'another GPU',
      kernels: { matmul: 'register32', subgroupMatrix: 'f16 1x1x1' },
    });
  });
  const resume = await openRun(bytesSource('run.safetensors', began));
  const config = { ...resume.description.config, steps: 40 };
  await withTrainer(
    config,
    async (trainer) => {
      const [third] = await takeSteps(trainer, 1);
      expect(third!.lr).toBe(Math.fround(learningRateAt(config, 2)));
      const again = bytesSource('run.safetensors', await fileOf(trainer, await trainer.snapshots()));
      const { description } = await openRun(again);
      expect(description.changes).toEqual([
        { step: 3, what: 'adapter', from: 'another GPU', to: trainer.report.name },
        { step: 3, what: 'kernels', from: 'register32 and matrix units f16 1x1x1', to: 'register32' },
        { step: 3, what: 'steps', from: '20', to: '40' },
      ]);
      await trainer.restore(await openRun(again));
      expect(trainer.changes).toEqual(description.changes);
    },
    { resume },
  );
});

test('a run takes over its kernels on the same adapter, and has them chosen anew on another', async () => {
  const forced = { kernels: 'register8' } as const;
  const file = (description: Parameters<typeof fileOf>[2]) =>
    withTrainer(forced, async (trainer) => {
      await takeSteps(trainer, 1);
      return fileOf(trainer, await trainer.snapshots(), description);
    });
  const resumed = async (description: Parameters<typeof fileOf>[2], kernels: string) => {
    const resume = await openRun(bytesSource('run.safetensors', await file(description)));
    return withTrainer({ kernels }, ({ kernels: { matmul }, changes }) => ({ matmul, changes }), { resume });
  };
  expect(await resumed({}, 'auto')).toEqual({ matmul: 'register8', changes: [] });
  const elsewhere = await resumed({ adapter: 'another GPU' }, 'auto');
  expect(elsewhere.matmul).toBe('register32');
  expect(elsewhere.changes.map(({ what, from, to }) => [what, from, to])).toContainEqual([
    ...['kernels', 'register8', 'register32'],
  ]);
  expect((await resumed({ adapter: 'another GPU' }, 'register8')).matmul).toBe('register8');
});

test('where a copy does not fit, tensors are read one at a time, with the same file as the result', () =>
  withTrainer({ precision: 'fp16' }, async (trainer) => {
    await takeSteps(trainer, 2);
    const staged = await fileOf(trainer, await trainer.snapshots());
    const paused = await Snapshots.allocate(refusing(trainer.device), trainer.arena, trainer.plan.tensors);
    expect(paused.pauses).toBe(true);
    expect((await fileOf(trainer, paused)).equals(staged)).toBe(true);
  }));

/** A device that refuses every allocation made within an error scope. */
function refusing(device: GPUDevice): GPUDevice {
  const popErrorScope = async () => {
    await device.popErrorScope();
    return { message: 'no room' };
  };
  return new Proxy(device, {
    get(target, name) {
      if (name === 'popErrorScope') return popErrorScope;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
