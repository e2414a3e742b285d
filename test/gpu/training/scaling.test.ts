/** The loss scale: how it changes, and that it affects rounding only. */
import { describe, expect, test } from 'vitest';
import { integerAt } from '../../../src/engine/core/rng.ts';
import type { Trainer } from '../../../src/engine/index.ts';
import { updateScaler } from '../../../src/engine/reference/scaler.ts';
import {
  certain,
  differences,
  makeCertain,
  parametersOf,
  randomBatch,
  relativeError,
  type StepResult,
  setOne,
  snapshot,
  stateOf,
  surprising,
  TINY,
  takeSteps,
  withTrainer,
  writeScale,
} from './helper.ts';

const ROWS = TINY.batch * TINY.context;

/** The reference scaler's results for the skips that the GPU reported. */
function expectScaler(metrics: readonly StepResult[], start: number, interval: number): void {
  let state = { scale: start, growthTracker: 0 };
  for (const { lossScale, skipped } of metrics) {
    expect(lossScale).toBe(state.scale);
    state = updateScaler(state, skipped, { interval });
  }
}

describe('fp16: the scale follows the reference scaler', () => {
  test('two hundred overflows in a row stop at 1', () =>
    withTrainer({ precision: 'fp16', steps: 200 }, async (trainer) => {
      await setOne(trainer, 'ln_f.bias', 0, Number.POSITIVE_INFINITY);
      const before = await snapshot(trainer);
      const metrics = await takeSteps(trainer, 200);
      expect(metrics.every(({ skipped }) => skipped)).toBe(true);
      expectScaler(metrics, 2 ** 16, 2000);
      expect(metrics.at(-1)).toMatchObject({ lossScale: 1, skippedSteps: 200, appliedSteps: 0 });
      expect((await trainer.state()).lossScale).toBe(1);
      expect(differences(before, await snapshot(trainer), true)).toEqual([]);
    }));

  test.each([
    ['grows after every interval, up to 2^24', 2 ** 21, 2, () => false],
    ['keeps a start above the ceiling', 2 ** 26, 2, () => false],
    [
      'backs off to the ceiling and below, and grows again',
      2 ** 26,
      3,
      (step: number) => step >= 4 && step < 8,
    ],
    ['takes overflows as they come', 2 ** 23, 2, (step: number) => integerAt(step, 7, 3) === 0],
  ] as const)('%s', (_what, lossScale, growthInterval, overflows) =>
    withTrainer(
      { precision: 'fp16', lossScale, growthInterval, learningRate: 0, minLearningRate: 0, steps: 24 },
      async (trainer) => {
        await makeCertain(trainer);
        const metrics = await takeSteps(trainer, 24);
        console.log(metrics.map((m) => `${Math.log2(m.lossScale)}${m.skipped ? '!' : ''}`).join(' '));
        expectScaler(metrics, lossScale, growthInterval);
        for (const [step, { skipped, lossScale: scale }] of metrics.entries()) {
          expect(skipped).toBe(overflows(step) && scale >= 2 ** 23);
        }
      },
      { batches: (index) => (overflows(index) ? surprising : certain) },
    ),
  );
});

describe('nothing but rounding depends on the scale', () => {
  const options = { batches: (index: number) => randomBatch(index, ROWS) };

  test('fp32, clip active: a scale of 1, 2^8 or 2^16 changes no bit of weights, moments, loss or norm', () =>
    withTrainer(
      { clip: 0.1 },
      async (trainer) => {
        const start = await parametersOf(trainer, 'master');
        const runs: { metrics: StepResult[]; end: Map<string, Buffer> }[] = [];
        for (const scale of [1, 2 ** 8, 2 ** 16]) {
          await restart(trainer, start);
          const metrics: StepResult[] = [];
          for (let step = 0; step < 4; step++) {
            writeScale(trainer, step === 2 ? scale * 4 : scale); // and it may change on the way
            metrics.push(...(await takeSteps(trainer, 1)));
          }
          runs.push({ metrics, end: await snapshot(trainer) });
        }
        const [plain, ...scaled] = runs;
        for (const { gradNorm } of plain!.metrics) expect(gradNorm).toBeGreaterThan(0.2);
        const numbers = ({ loss, gradNorm, lr }: StepResult) => ({ loss, gradNorm, lr });
        for (const { metrics, end } of scaled) {
          expect(metrics.map(numbers)).toEqual(plain!.metrics.map(numbers));
          expect(differences(end, plain!.end, true)).toEqual([]);
        }
      },
      // The run starts over three times: so do its batches.
      { batches: (index) => randomBatch(index % 4, ROWS) },
    ));

  // Scaling by powers of two commutes with rounding, except where f16 values are subnormal: those are stored to 2^-25 over
  // the scale, so 2^8 times the scale loses 2^-8 of that. Measured: 4.8e-4 at scale 1, 2.1e-5 at 2^8, from the tensors
  // whose values spread widest (flips make the second more than 2^-8 of the first).
  test('fp16, clip active: the same gradients, but for values that are subnormal at the smaller scale', async () => {
    const run = (lossScale: number) =>
      withTrainer(
        { precision: 'fp16', lossScale, clip: 0.1 },
        async (trainer) => {
          const [metrics] = await takeSteps(trainer, 1);
          const gradients = await parametersOf(trainer, 'gradient');
          const unscaled = [...gradients].map(
            ([name, values]) => [name, values.map((x) => x / lossScale)] as const,
          );
          return { metrics: metrics!, gradients: new Map(unscaled) };
        },
        options,
      );
    const most = await run(2 ** 16);
    for (const [scale, bound] of [
      [1, 5e-3],
      [2 ** 8, 2e-4],
    ] as const) {
      const { metrics, gradients } = await run(scale);
      expect(metrics.loss).toBe(most.metrics.loss);
      const errors = [...most.gradients].map(([name, values]) => relativeError(gradients.get(name)!, values));
      for (const error of errors) expect(error).toBeLessThan(bound);
      const norms = Math.abs(metrics.gradNorm! / most.metrics.gradNorm! - 1);
      expect(norms).toBeLessThan(bound);
      console.log(
        `scale ${scale}: gradients ${Math.max(...errors).toExponential(1)}, norm ${norms.toExponential(1)}; bound ${bound}`,
      );
    }
  });
});

/** Step 1 again: start values, moments zero, counters zero. */
async function restart(trainer: Trainer, start: ReadonlyMap<string, Float64Array>): Promise<void> {
  await trainer.setParameters((name) => Float32Array.from(start.get(name)!));
  const encoder = trainer.device.createCommandEncoder();
  for (const { states } of trainer.plan.tensors.chunks) {
    for (const state of Object.values(states)) encoder.clearBuffer(trainer.arena.buffer(state));
  }
  encoder.clearBuffer(trainer.arena.buffer(trainer.plan.tensors.state));
  trainer.device.queue.submit([encoder.finish()]);
  expect((await stateOf(trainer)).applied).toBe(0);
}
