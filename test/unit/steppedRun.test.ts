import { expect, test } from 'vitest';
import { PRESETS } from '../../src/engine/model/presets.ts';
import { type PrecisionMode, recipeOf } from '../../src/engine/precision/recipes.ts';
import type { StepMetrics } from '../../src/engine/train/metrics.ts';
import { RunControl, runTraining } from '../../src/engine/train/run.ts';
import { TooManySkipsError } from '../../src/engine/train/steppedRun.ts';
import type { Trainer } from '../../src/engine/train/trainer.ts';

const STEPS = 30;
/** Readbacks that are on their way while steps are submitted. */
const IN_FLIGHT = 2;

/** A trainer whose steps in `skipped` are skipped; metrics arrive a few steps late. */
function trainerWith(precision: PrecisionMode, skipped: (step: number) => boolean): Trainer {
  const config = { ...PRESETS.smoke.config, precision, steps: STEPS, evalEvery: 0 };
  let submitted = 0;
  let arrived = 0;
  let inARow = 0;
  let longestSkips = 0;
  const takeUpTo = (step: number): StepMetrics[] => {
    const first = arrived + 1;
    arrived = Math.max(arrived, step);
    for (let i = first; i <= arrived; i++) {
      inARow = skipped(i) ? inARow + 1 : 0;
      longestSkips = Math.max(longestSkips, inARow);
    }
    return Array.from({ length: Math.max(0, step - first + 1) }, (_, i) => ({
      ...{ step: first + i, loss: 2, lossScale: 1, skipped: skipped(first + i), overflow: null },
      ...{ gradNorm: 1, lr: 1e-3, appliedSteps: 0, skippedSteps: 0, gpuMs: null },
    }));
  };
  let drained = 0;
  const parts = {
    config,
    plan: { tensors: { recipe: recipeOf(precision) } },
    report: { name: 'a GPU' },
    numerics: { isReady: false },
    faults: { check: () => {}, explain: (cause: unknown) => cause },
    get longestSkips() {
      return longestSkips;
    },
    get submittedSteps() {
      return submitted;
    },
    step: () => {
      submitted += 1;
    },
    waitForRoom: async () => {},
    drain: async () => {
      drained = submitted;
    },
    takeMetrics: () => takeUpTo(Math.max(drained, submitted - IN_FLIGHT)),
    evaluate: async () => 2,
    state: async () => ({ lossScale: 1, applied: 0, skipped: 0 }),
    modelFlopsUtilization: async () => null,
  };
  return parts as unknown as Trainer;
}

const events = { onStep: () => {}, onEval: () => {} };
const train = (mode: PrecisionMode, skipped: (step: number) => boolean) =>
  runTraining(trainerWith(mode, skipped), events, new RunControl());

test('ten skips in a row end a mode without a scaler, although a later step that was on its way was applied', async () => {
  const error = await train('fp32', (step) => step > 5 && step <= 15).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(TooManySkipsError);
  expect((error as TooManySkipsError).summary.steps).toBe(15 + IN_FLIGHT);
});

test('nine do not, and a dynamic scaler is left to find its scale', async () => {
  expect((await train('fp32', (step) => step > 5 && step <= 14)).steps).toBe(STEPS);
  expect((await train('fp16', () => true)).steps).toBe(STEPS);
});
