/** Gradient accumulation, and evaluation between steps. */
import { describe, expect, test } from 'vitest';
import {
  certain,
  differences,
  letters,
  makeCertain,
  parametersOf,
  relativeError,
  type StepResult,
  setOne,
  snapshot,
  stateOf,
  surprising,
  TINY,
  TINY_VOCABULARY,
  takeSteps,
  withTrainer,
} from './helper.ts';

const STEPS = 5;

describe('four micro-batches are one batch four times as large', () => {
  // In f32 only the order of sums differs; in f16 also where values round, which moves a
  // gradient as far as gradients.test.ts derives: 2e-3.
  test.each([
    ['fp32', 1e-5],
    ['fp16', 1e-2],
  ] as const)('%s, within %d', async (precision, bound) => {
    // Sequential windows: micro-batches 4 b to 4 b + 3 of two windows are batch b of eight.
    const run = (batch: number, accumulation: number) =>
      withTrainer({ precision, batch, accumulation, order: 'sequential' }, async (trainer) => {
        const metrics = await takeSteps(trainer, 1);
        const gradients = await parametersOf(trainer, 'gradient');
        return { gradients, metrics: [...metrics, ...(await takeSteps(trainer, STEPS - 1))] };
      });
    const whole = await run(TINY.batch, 1);
    const parts = await run(TINY.batch / 4, 4);
    const errors = [...whole.gradients].map(([name, values]) =>
      relativeError(parts.gradients.get(name)!, values),
    );
    const losses = whole.metrics.map(({ loss }, i) => Math.abs(parts.metrics[i]!.loss! / loss! - 1));
    const norms = whole.metrics.map(({ gradNorm }, i) =>
      Math.abs(parts.metrics[i]!.gradNorm! / gradNorm! - 1),
    );
    const worst = (values: number[]) => Math.max(...values).toExponential(1);
    console.log(
      `${precision}: gradients ${worst(errors)}, losses ${worst(losses)}, norms ${worst(norms)}; bound ${bound}`,
    );
    for (const error of [...errors, ...losses, ...norms]) expect(error).toBeLessThan(bound);
    expect(parts.metrics.at(-1)).toMatchObject({ step: STEPS, appliedSteps: STEPS });
  });

  test('an overflow in one micro-batch skips the whole step, once', () => {
    const cut = ({ tokens, targets }: typeof certain) => ({
      tokens: tokens.slice(0, tokens.length / 4),
      targets: targets.slice(0, targets.length / 4),
    });
    // The second of step 1.
    const batches = (index: number) => cut(index === 1 ? surprising : certain);
    return withTrainer(
      { precision: 'fp16', batch: TINY.batch / 4, accumulation: 4, lossScale: 2 ** 24 },
      async (trainer) => {
        await makeCertain(trainer);
        const before = await snapshot(trainer);
        const [first] = await takeSteps(trainer, 1);
        expect(first).toMatchObject({ skipped: true, overflow: 'logits gradient', skippedSteps: 1 });
        expect(differences(before, await snapshot(trainer), true)).toEqual([]);
        const [second] = await takeSteps(trainer, 1);
        expect(second).toMatchObject({
          skipped: false,
          lossScale: 2 ** 23,
          skippedSteps: 1,
          appliedSteps: 1,
        });
      },
      { batches },
    );
  });
});

describe('evaluation', () => {
  test.each(['fp32', 'fp16'] as const)(
    'leaves every bit of the training state alone in %s',
    async (precision) => {
      const run = (interrupt: boolean) =>
        withTrainer({ precision, lossScale: precision === 'fp16' ? 2 ** 10 : null }, async (trainer) => {
          const metrics: StepResult[] = [];
          const losses: (number | null)[] = [];
          for (let step = 0; step < 3; step++) {
            metrics.push(...(await takeSteps(trainer, 1)));
            if (!interrupt) continue;
            const before = await snapshot(trainer);
            losses.push(await trainer.evaluate(), await trainer.evaluate());
            await trainer.sample({ prompt: '0', length: 2, temperature: 1, topK: 0, seed: 1 });
            expect(differences(before, await snapshot(trainer))).toEqual([]);
          }
          return { metrics, losses, end: await snapshot(trainer) };
        });
      const [plain, interrupted] = [await run(false), await run(true)];
      expect(interrupted.metrics).toEqual(plain.metrics);
      expect(differences(interrupted.end, plain.end)).toEqual([]);
      // The same windows every time, and before training starts a guess among the vocabulary.
      const [first, again] = interrupted.losses;
      expect(again).toBe(first);
      expect(Math.abs(first! - Math.log(TINY_VOCABULARY))).toBeLessThan(0.2);
    },
  );

  test('with an overflow returns no number, and does not make the next step skip', () =>
    withTrainer(
      { precision: 'fp16', lossScale: 2 ** 10, tied: false },
      async (trainer) => {
        await takeSteps(trainer, 1);
        // Read only where the last letter occurs, and that is in the validation split.
        const { width } = trainer.config;
        await setOne(trainer, 'wte.weight', TINY_VOCABULARY * width, Number.POSITIVE_INFINITY);
        expect(await trainer.evaluate()).toBeNull();
        const before = await stateOf(trainer);
        const [next] = await takeSteps(trainer, 1);
        expect(next).toMatchObject({ skipped: false, overflow: null, skippedSteps: 0 });
        expect(await stateOf(trainer)).toMatchObject({ applied: before.applied + 1, lossScale: 2 ** 10 });
      },
      { text: letters() + String.fromCharCode(48 + TINY_VOCABULARY).repeat(200) },
    ));
});
