/** Runs that an earlier version saved are restored to the bit, and continue within the rounding errors of sums in another order. */
import { expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { openSafetensors } from '../../../src/engine/checkpoint/safetensors.ts';
import { createCopyTask } from '../../../src/engine/data/copyTask.ts';
import { RunControl, runTraining, type TrainConfig, type Trainer } from '../../../src/engine/index.ts';
import {
  bytesOf,
  KNOWN,
  type KnownRun,
  type PrintedStep,
  type RunName,
  SAME_NUMBERS,
  tensorsIn,
  textOf,
} from '../../unit/oldFiles.ts';
import { fileOf, withTrainer } from './helper.ts';

type Result = Pick<KnownRun['resumed'], 'steps' | 'evaluations'>;

/** Takes the recorded steps, with the evaluations between them. */
async function takeSteps(trainer: Trainer, last: number): Promise<Result> {
  const steps: PrintedStep[] = [];
  const evaluations: { step: number; valLoss: number }[] = [];
  const control = new RunControl();
  await runTraining(
    trainer,
    {
      onStep: ({ step, loss, lossScale, skipped, gradNorm, lr }) =>
        void steps.push({ step, loss: loss!, lossScale, skipped, gradNorm, lr }),
      onEval: ({ step, valLoss }) => void evaluations.push({ step, valLoss: valLoss! }),
      async afterStep(step) {
        if (step === last) control.stop();
      },
    },
    control,
  );
  return { steps, evaluations };
}

async function tensorsOf(trainer: Trainer): Promise<Record<string, string>> {
  const file = await fileOf(trainer, await trainer.snapshots());
  return tensorsIn(await openSafetensors(bytesSource('run.safetensors', file)));
}

/** @param features of the device; all that the adapter offers when left out */
async function resume(name: RunName, features?: GPUFeatureName[]) {
  const { text, resumed } = KNOWN.runs[name];
  const run = await openRun(bytesSource(name, bytesOf(`${name}.safetensors`)));
  return withTrainer(
    run.description.config,
    async (trainer) => ({
      restored: await tensorsOf(trainer),
      result: await takeSteps(trainer, resumed.steps.at(-1)!.step),
    }),
    { resume: run, text: text.builtin === 'copy' ? createCopyTask() : textOf('text.txt'), features },
  );
}

test.each(SAME_NUMBERS)(
  '%s is restored to the bit, and continues as recorded where it was saved',
  async (name) => {
    const { restored, result } = await resume(name);
    const known = KNOWN.runs[name];
    expect(restored).toEqual(known.tensors);
    expectClose(result, known);
  },
);

test('so it is on an adapter without optional features', async () => {
  const { restored, result } = await resume('page-bf16-split', []);
  const known = KNOWN.runs['page-bf16-split'];
  expect(restored).toEqual(known.tensors);
  expectClose(result, known);
});

test('a run of the first revision of fp8-row is restored to the bit, learns on with the numbers of this one, and records the change', async () => {
  const name = 'terminal-fp8-row';
  const { tensors, resumed } = KNOWN.runs[name];
  const run = await openRun(bytesSource(name, bytesOf(`${name}.safetensors`)));
  await withTrainer(
    run.description.config,
    async (trainer) => {
      expect(await tensorsOf(trainer)).toEqual(tensors);
      const mode = { what: 'mode', from: 'fp8-row revision 1', to: 'fp8-row revision 2' };
      expect(trainer.changes).toContainEqual({ step: 25, ...mode });
      const { steps, evaluations } = await takeSteps(trainer, resumed.steps.at(-1)!.step);
      // Scales are powers of two: the numbers differ only where a value is subnormal under one of its scales.
      // Both revisions round 6 operands of 2 products a layer by up to 2^-4. Of n values that are multiplied with independent
      // errors the mean of squares adds up, and a loss is the mean over the tokens of a step.
      const { layers, batch, context } = run.description.config;
      const bound = (2 * 2 ** -4 * Math.sqrt(12 * layers)) / Math.sqrt(batch * context);
      for (const [i, { step, loss }] of resumed.steps.entries()) {
        const error = Math.abs(steps[i]!.loss / loss - 1);
        console.log(
          `loss of step ${step}: relative error ${error.toExponential(1)}, bound ${bound.toExponential(1)}`,
        );
        expect(error).toBeLessThan(bound);
      }
      expect(evaluations.at(-1)!.valLoss).toBeLessThan(resumed.evaluations[0]!.valLoss - 0.1);
    },
    { resume: run, text: textOf('text.txt') },
  );
});

/** Half the distance of neighbours around 1 in the narrowest format of what is stored on the way to the loss. */
const UNIT: Readonly<Record<string, number>> = {
  fp16: 2 ** -11,
  'fp8-delayed': 2 ** -4,
  'bf16-split': 2 ** -8,
};

/**
 * The kernels of this version and of the adapter may form sums in another order than those that took the recorded steps.
 * About n = 12 L + 4 sums of up to K = 4 C products lie on the longest path to a logit, each off by sqrt(K) 2^-24: f in all.
 * That moves a stored value over a boundary of its rounding, by 2 u, in f / (2 u) of all cases: sqrt(f 2 u) in the mean of
 * squares, at n places, and a loss is the mean over the tokens of a step. Each step adds as much to the weights.
 */
function expectClose(result: Result, { config, resumed: known }: KnownRun): void {
  const { layers, width, context, batch, accumulation, precision } = config as unknown as TrainConfig;
  const sums = 12 * layers + 4;
  const f32 = sums * Math.sqrt(4 * width) * 2 ** -24;
  const rounded = Math.sqrt((sums * f32 * 2 * UNIT[precision]!) / (batch * accumulation * context));
  const close = (what: string, value: number, wanted: number, steps: number) => {
    const error = Math.abs(value / wanted - 1);
    const bound = steps * (f32 + rounded);
    console.log(`${what}: relative error ${error.toExponential(1)}, bound ${bound.toExponential(1)}`);
    expect(error, what).toBeLessThan(bound);
  };
  const schedule = ({ step, lossScale, skipped, lr }: PrintedStep) => ({ step, lossScale, skipped, lr });
  expect(result.steps.map(schedule)).toEqual(known.steps.map(schedule));
  for (const [i, { step, loss }] of known.steps.entries())
    close(`loss of step ${step}`, result.steps[i]!.loss, loss, i + 1);
  expect(result.evaluations.map(({ step }) => step)).toEqual(known.evaluations.map(({ step }) => step));
  for (const [i, { step, valLoss }] of known.evaluations.entries())
    close(`evaluation after step ${step}`, result.evaluations[i]!.valLoss, valLoss, known.steps.length);
}
