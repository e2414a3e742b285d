/** Runs with simulated integers, and those that go through a precision schedule. */
import { describe, expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import type { TrainConfig } from '../../../src/engine/index.ts';
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
