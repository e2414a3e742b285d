/** Runs with simulated integers, and those that go through a precision schedule. */
import { describe, expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import type { TrainConfig } from '../../../src/engine/index.ts';
import { stageCost, stagesOf } from '../../../src/engine/precision/levels.ts';
import { nextStageOfBlock } from '../../../src/engine/reference/noiseLevels.ts';
import type { Trainer } from '../../../src/engine/train/trainer.ts';
import { differences, fileOf, type StepResult, snapshot, takeSteps, withTrainer } from './helper.ts';

const PFQ = { precision: 'i8g8', precisionSchedule: 'pfq', steps: 40, warmup: 2 } as const;
const FLOATS = { ...PFQ, precision: 'e8m7', precisionSchedule: 'pfq-float', rounding: 'rne' } as const;

describe.each<Partial<TrainConfig>>([PFQ, FLOATS])('schedule $precisionSchedule', (config) => {
  test('reaches its last stage after three quarters, and a run that is resumed in any stage equals one that was not', async () => {
    const whole = await withTrainer(config, async (trainer) => {
      const snapshots = await trainer.snapshots();
      const steps: StepResult[] = [];
      const files: { readonly taken: number; readonly bytes: Buffer }[] = [];
      while (steps.length < config.steps!) {
        const [step] = await takeSteps(trainer, 1);
        // Saved after the second step of each stage: what is observed of a stage is saved too.
        const [before, sooner] = [steps.at(-1), steps.at(-2)].map((each) => each?.stage?.stage);
        steps.push(step!);
        if (before === step!.stage!.stage && sooner !== before)
          files.push({ taken: steps.length, bytes: await fileOf(trainer, snapshots) });
      }
      return { steps, files, after: await snapshot(trainer) };
    });
    const stages = whole.steps.map(({ stage }) => stage!);
    expect(stages[0]).toMatchObject({ stage: 1, stages: 4, forced: 0 });
    expect(stages.map(({ stage }) => stage)).toEqual(stages.map(({ stage }) => stage).toSorted());
    expect(stages[30]!.stage).toBe(4);
    expect(whole.files.map(({ taken }) => stages[taken - 1]!.stage)).toEqual([1, 2, 3, 4]);
    for (const { taken, bytes } of whole.files) {
      const resume = await openRun(bytesSource('run.safetensors', bytes));
      await withTrainer(
        resume.description.config,
        async (trainer) => {
          expect(await takeSteps(trainer, config.steps! - taken)).toEqual(whole.steps.slice(taken));
          expect(differences(whole.after, await snapshot(trainer))).toEqual([]);
        },
        { resume },
      );
    }
  });
});

const NOISE = {
  ...{ precision: 'i8g8', precisionSchedule: 'noise', noiseThreshold: 0.06, integerRange: 'affine' },
  ...{ steps: 40, warmup: 2, learningRate: 1e-2, minLearningRate: 1e-3 },
} as const satisfies Partial<TrainConfig>;

describe('schedule noise', () => {
  test('blocks follow their noise, and a run that is resumed anywhere equals one that was not', async () => {
    const { steps } = NOISE;
    const whole = await withTrainer(NOISE, async (trainer) => {
      const snapshots = await trainer.snapshots();
      const taken: StepResult[] = [];
      const files: { readonly taken: number; readonly bytes: Buffer }[] = [];
      while (taken.length < steps) {
        taken.push(...(await takeSteps(trainer, 1)));
        if ([1, 3, 11].includes(taken.length))
          files.push({ taken: taken.length, bytes: await fileOf(trainer, snapshots) });
      }
      return { steps: taken, files, after: await snapshot(trainer) };
    });
    const ladder = stagesOf('i8g8', 'noise', 'affine', 'rne');
    const names = ladder.map(({ name }) => name);
    const rule = { stages: 4, threshold: NOISE.noiseThreshold, lower: 0 };
    const modes = whole.steps.map(({ stage }) => stage!.mode.split(' '));
    expect(modes[0]).toEqual(['i8g8', 'i8g8']);
    for (const [at, { stage, noise }] of whole.steps.entries()) {
      const costs = modes[at]!.map((mode) => stageCost(ladder[names.indexOf(mode)]!));
      expect(stage!.cost).toBeCloseTo((costs[0]! + costs[1]!) / 2, 12);
      for (const [block, mode] of (modes[at + 1] ?? []).entries()) {
        const before = names.indexOf(modes[at]![block]!);
        const after = names.indexOf(mode);
        // What a step reports of its noise decides the next step; its noise a level below is not reported.
        if (noise![block]! > rule.threshold) {
          expect(after).toBe(nextStageOfBlock(before, { own: noise![block]!, below: 0 }, rule));
        } else expect([before, before - 1]).toContain(after);
      }
    }
    expect(new Set(modes.map((of) => of.join(' '))).size).toBeGreaterThan(2);
    for (const { taken, bytes } of whole.files) {
      const resume = await openRun(bytesSource('run.safetensors', bytes));
      await withTrainer(
        resume.description.config,
        async (trainer) => {
          expect(await takeSteps(trainer, steps - taken)).toEqual(whole.steps.slice(taken));
          expect(differences(whole.after, await snapshot(trainer))).toEqual([]);
        },
        { resume },
      );
    }
  });

  test('recomputation, evaluations, averages and counted gradients change no level', async () => {
    const config = { ...NOISE, emaDecay: 0.9 } as const;
    const run = (overrides: Partial<TrainConfig>, between?: (trainer: Trainer) => Promise<unknown>) =>
      withTrainer({ ...config, ...overrides }, async (trainer) => {
        const steps: StepResult[] = [];
        for (let step = 0; step < 6; step++) {
          steps.push(...(await takeSteps(trainer, 1)));
          await between?.(trainer);
        }
        return steps;
      });
    const own = await run({});
    expect(await run({ recompute: 'gelu-ln' })).toEqual(own);
    expect(await run({ recompute: 'block' })).toEqual(own);
    const measured = await run({}, async (trainer) => {
      await trainer.numerics.prepare();
      await trainer.countGradients();
      await trainer.evaluate('average');
      await trainer.evaluate();
    });
    expect(measured).toEqual(own);
  });
});

test('a static mode has one stage, evaluates, samples and learns', () =>
  withTrainer({ precision: 'i8g8', steps: 20 }, async (trainer) => {
    const steps = await takeSteps(trainer, 20);
    expect(steps.every(({ stage }) => stage === undefined)).toBe(true);
    expect(steps.at(-1)!.loss!).toBeLessThan(steps[0]!.loss! - 0.2);
    expect(await trainer.evaluate()).toBeLessThan(steps[0]!.loss!);
    expect((await trainer.sample({ prompt: '', length: 5, seed: 1, temperature: 1, topK: 0 })).length).toBe(
      5,
    );
  }));

test('fewer bits give another loss, and recomputation none', async () => {
  const lossOf = (overrides: Partial<TrainConfig>) =>
    withTrainer(overrides, async (trainer) => (await takeSteps(trainer, 3)).map(({ loss }) => loss));
  const own = await lossOf({ precision: 'i4g6' });
  for (const recompute of ['gelu', 'gelu-ln', 'block'] as const) {
    expect(await lossOf({ precision: 'i4g6', recompute })).toEqual(own);
  }
  expect(await lossOf({ precision: 'i3g6' })).not.toEqual(own);
  expect(await lossOf({ precision: 'i4g6', integerRange: 'symmetric' })).not.toEqual(own);
});
