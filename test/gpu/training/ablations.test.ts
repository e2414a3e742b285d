/** The modes that exist to demonstrate failures fail, and the mode that should recover recovers. */
import { expect, test } from 'vitest';
import { assembleText } from '../../../build/assembleTexts.ts';
import {
  presetOf,
  RunControl,
  runTraining,
  type StepMetrics,
  type TrainConfig,
} from '../../../src/engine/index.ts';
import { parametersOf, TINY, takeSteps, withTrainer } from './helper.ts';

delete process.env.GALLIVM_PERF; // hundreds of steps of a few kernels: here optimised code is quicker in all

const SMOKE = presetOf('smoke').config;
const text = assembleText('moby-dick');

async function smoke(overrides: Partial<TrainConfig>) {
  const metrics: StepMetrics[] = [];
  const events = { onStep: (step: StepMetrics) => metrics.push(step), onEval: () => {} };
  const summary = await withTrainer(
    { ...SMOKE, evalEvery: 0, ...overrides },
    (trainer) => runTraining(trainer, events, new RunControl()),
    { text },
  );
  const { precision, firstLoss, finalLoss, valLoss, skippedSteps, tokensPerSec } = summary;
  console.log({ precision, firstLoss, finalLoss, valLoss, skippedSteps, tokensPerSec });
  return { summary, metrics };
}

/** Mean of the last thirty steps: one batch is off by 0.1 either way. */
function lateLoss(metrics: readonly StepMetrics[]): number {
  const last = metrics.slice(-30);
  return last.reduce((sum, { loss }) => sum + loss!, 0) / last.length;
}

test('fp16-noscale ends 300 steps of smoke at least 0.5 nats behind fp32', async () => {
  const fp32 = await smoke({ precision: 'fp32' });
  const noscale = await smoke({ precision: 'fp16-noscale' });
  expect(fp32.metrics).toHaveLength(300);
  expect(fp32.summary.skippedSteps + noscale.summary.skippedSteps).toBe(0);
  const [behind, late] = [
    noscale.summary.valLoss! - fp32.summary.valLoss!,
    lateLoss(noscale.metrics) - lateLoss(fp32.metrics),
  ];
  console.log(
    `fp16-noscale behind fp32 by ${behind.toFixed(3)} nats in validation, ${late.toFixed(3)} in training`,
  );
  expect(fp32.summary.valLoss).toBeLessThan(2.6);
  expect(behind).toBeGreaterThanOrEqual(0.5);
  expect(late).toBeGreaterThanOrEqual(0.5);
});

test('fp16 from a loss scale of 2^30 skips, halves until it fits, and learns', async () => {
  const { summary, metrics } = await smoke({ precision: 'fp16', lossScale: 2 ** 30, steps: 60 });
  const skipped = metrics.filter((step) => step.skipped);
  console.log(skipped.map(({ step, overflow }) => `${step} ${overflow}`).join(', '));
  // A run of skips from step 1, then one where a later gradient is larger than any before; the scale has no time to grow.
  expect(skipped.slice(0, 5).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
  expect(skipped.map(({ lossScale }) => lossScale)).toEqual(skipped.map((_, i) => 2 ** (30 - i)));
  expect(skipped.length).toBeLessThan(15);
  // As the scale falls, less far from the loss: logits first, then the stream's copy for matmuls (the stream itself is f32).
  expect(skipped[0]!.overflow).toBe('logits gradient');
  expect(skipped.map(({ overflow }) => overflow)).toContain('residual gradient at ln_f');
  expect(summary).toMatchObject({
    steps: 60,
    skippedSteps: skipped.length,
    appliedSteps: 60 - skipped.length,
    lossScale: 2 ** (30 - skipped.length),
  });
  expect(metrics.at(-1)!.loss).toBeLessThan(summary.firstLoss! - 0.8);
});

test('fp16-pure loses the update that moves an f32 master', async () => {
  // The first step of AdamW moves every weight by lr = 1e-4, whatever its gradient; halfway
  // to the f16 number below 1 is 2^-12 = 2.4e-4. The weights of layer norm start at 1 and do not decay.
  const lr = 1e-4;
  const run = (precision: 'fp16' | 'fp16-pure') =>
    withTrainer({ precision, learningRate: lr, minLearningRate: lr, warmup: 0 }, async (trainer) => {
      expect(await takeSteps(trainer, 1)).toMatchObject([{ appliedSteps: 1, skippedSteps: 0 }]);
      const [gradients, weights] = [
        await parametersOf(trainer, 'gradient'),
        await parametersOf(trainer, 'master'),
      ];
      return { gradients, weights, scale: (await trainer.state()).lossScale };
    });
  const [master, pure] = [await run('fp16'), await run('fp16-pure')];
  for (const name of ['h.0.ln_1.weight', 'h.1.ln_2.weight', 'ln_f.weight']) {
    const gradient = (of: typeof master, i: number) => of.gradients.get(name)![i]! / of.scale;
    // Values whose gradient both runs agree on.
    const agreed = [...master.weights.get(name)!.keys()].filter((i) => {
      const [a, b] = [gradient(master, i), gradient(pure, i)];
      return Math.abs(a) > 1e-5 && Math.abs(a - b) < 0.1 * Math.abs(a);
    });
    const moved = agreed.map((i) => Math.abs(master.weights.get(name)![i]! - 1));
    const range = [Math.min(...moved), Math.max(...moved)].map((distance) => distance.toExponential(2));
    console.log(
      `${name}: ${agreed.length} of ${TINY.width} agree; f32 masters moved ${range.join(' to ')}, f16 weights 0`,
    );
    expect(agreed.length).toBeGreaterThan(TINY.width / 2);
    for (const i of agreed) expect(pure.weights.get(name)![i]).toBe(1);
    for (const distance of moved) expect(distance).toBeGreaterThan(0.9 * lr);
  }
});
