/** The best weights of a run: which they are, that keeping and reading them leaves the run alone, and that they resume. */
import { describe, expect, test } from 'vitest';
import { modelFolderOfRun } from '../../../src/engine/checkpoint/modelFolder.ts';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { isComplete } from '../../../src/engine/checkpoint/runFile.ts';
import {
  planLimits,
  RunControl,
  readParameters,
  runTraining,
  type Trainer,
} from '../../../src/engine/index.ts';
import { differences, fileOf, snapshot, takeSteps, withTrainer } from './helper.ts';

/** Eight greedy tokens and the probability of each. */
async function sampleOf(trainer: Trainer, which: 'master' | 'best') {
  const probabilities: number[] = [];
  const options = { prompt: '', length: 8, temperature: 0, topK: 0, seed: 1 };
  const onToken = ({ probability }: { readonly probability: number }) => probabilities.push(probability);
  const { ids } = await trainer.generate(options, { onToken }, which);
  return { ids, probabilities };
}

async function bestOf(trainer: Trainer): Promise<Map<string, Buffer>> {
  const values = await readParameters(trainer, 'best');
  return new Map([...values].map(([name, { buffer }]) => [name, Buffer.from(buffer)]));
}

describe.each(['fp32', 'fp16', 'fp16-pure', 'bf16-split', 'fp8', 'mxfp8'] as const)('%s', (precision) => {
  test('they are the weights of the lowest loss, to read, to sample, in a file and after a resume', () =>
    withTrainer({ precision, keepBest: true }, async (trainer) => {
      await expect(readParameters(trainer, 'best')).rejects.toThrow('no best weights');
      const snapshots = await trainer.snapshots();
      await takeSteps(trainer, 2);
      trainer.recordEvaluation(3);
      await takeSteps(trainer, 2);
      const before = await snapshot(trainer);
      trainer.recordEvaluation(2);
      expect(differences(before, await snapshot(trainer))).toEqual([]);
      const weights = await readParameters(trainer);
      const written = await sampleOf(trainer, 'master');
      await takeSteps(trainer, 2);
      trainer.recordEvaluation(2.5);
      expect(trainer.best).toEqual({
        ...{ evaluations: 3, evaluatedAt: 6, worse: 1 },
        lowest: { step: 4, valLoss: 2 },
      });
      expect(await readParameters(trainer, 'best')).toEqual(weights);
      expect(await readParameters(trainer)).not.toEqual(weights);
      const after = await snapshot(trainer);
      const valLoss = await trainer.evaluate();
      expect(await sampleOf(trainer, 'best')).toEqual(written);
      expect(differences(after, await snapshot(trainer))).toEqual([]);
      expect(await trainer.evaluate()).toBe(valLoss);

      const run = await openRun(bytesSource('run.safetensors', await fileOf(trainer, snapshots)));
      expect(run.progress.best).toEqual({ step: 4, valLoss: 2 });
      const limits = planLimits(trainer.report.limits);
      const folder = await modelFolderOfRun(run, 'F32', limits, 'best');
      const card = folder.find(({ name }) => name === 'README.md')!;
      const [text] = [...(card.pieces() as Iterable<Uint8Array>)];
      expect(new TextDecoder().decode(text)).toMatch(/those after step 4, with the lowest validation loss/);
      await withTrainer(
        run.description.config,
        async (resumed) => {
          expect(resumed.best).toEqual(trainer.best);
          expect(await readParameters(resumed, 'best')).toEqual(weights);
        },
        { resume: run },
      );
    }));
});

/** Validation losses by step: the lowest is at step 4, and two evaluations later the run ends. */
const LOSSES: Readonly<Record<number, number>> = { 2: 3, 4: 2, 6: 2.5, 8: 2.25, 10: 1 };

/** Trains with these losses, and saves the state after step `at`, before its evaluation. */
async function train(trainer: Trainer, at: number) {
  Object.assign(trainer, { evaluate: async () => LOSSES[trainer.submittedSteps] });
  const told: number[] = [];
  let file: Buffer | undefined;
  const summary = await runTraining(
    trainer,
    {
      onStep: () => {},
      onEval: ({ step }) => void told.push(step),
      async afterStep(step) {
        if (step === at) file = await fileOf(trainer, await trainer.snapshots());
      },
    },
    new RunControl(),
  );
  return { summary, told, file, after: await snapshot(trainer), best: await bestOf(trainer) };
}

test.each([4, 6, 8])(
  'a run that is resumed at step %i keeps the same weights and stops at the same step',
  async (at) => {
    const asked = { precision: 'fp16', keepBest: true, earlyStop: 2, evalEvery: 2, steps: 12 } as const;
    const whole = await withTrainer(asked, (trainer) => train(trainer, at));
    expect(whole.summary).toMatchObject({ steps: 8, endedEarly: true, best: { step: 4, valLoss: 2 } });
    expect(whole.told).toEqual([2, 4, 6, 8]);
    const resume = await openRun(bytesSource('run.safetensors', whole.file!));
    expect(isComplete(resume)).toBe(false);
    await withTrainer(
      resume.description.config,
      async (trainer) => {
        const { summary, told, after, best } = await train(trainer, 0);
        expect(told).toEqual([4, 6, 8].filter((step) => step >= at));
        expect(summary).toMatchObject({ steps: 8, endedEarly: true, best: { step: 4, valLoss: 2 } });
        expect(differences(whole.after, after)).toEqual([]);
        expect(differences(whole.best, best)).toEqual([]);
        const ended = await openRun(bytesSource('end', await fileOf(trainer, await trainer.snapshots())));
        expect(isComplete(ended)).toBe(true);
      },
      { resume },
    );
  },
);

test('early stop can be given to a run that was started without it, and counts from there', async () => {
  const file = await withTrainer({}, async (trainer) => {
    await takeSteps(trainer, 2);
    return fileOf(trainer, await trainer.snapshots());
  });
  const resume = await openRun(bytesSource('run.safetensors', file));
  const config = { ...resume.description.config, earlyStop: 1, evalEvery: 2 };
  await withTrainer(
    config,
    async (trainer) => {
      const losses = [2, 3];
      Object.assign(trainer, { evaluate: async () => losses.shift() });
      const events = { onStep: () => {}, onEval: () => {} };
      expect(await runTraining(trainer, events)).toMatchObject({ steps: 4, best: { step: 2 } });
    },
    { resume },
  );
});
