/** The size of micro-batches changes memory and the order of sums, but neither the data of a run nor its measurements. */
import { describe, expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { microBatchOf } from '../../../src/engine/config/trainConfig.ts';
import { startProof } from '../../../src/engine/experiments/startProof.ts';
import type { TrainConfig, Trainer } from '../../../src/engine/index.ts';
import { fileOf, TINY, takeSteps, withTrainer } from './helper.ts';

const ASKED = { batch: 8, accumulation: 2, evalBatches: 3, sharpnessEvery: 1 } as const;
const CUTS = [null, 4, 2, 1] as const;

/** Measures a run for each micro-batch size in CUTS. */
async function measuredFor<T>(
  overrides: Partial<TrainConfig>,
  measure: (trainer: Trainer) => Promise<T>,
): Promise<T[]> {
  const runs: T[] = [];
  for (const microBatch of CUTS) {
    runs.push(await withTrainer({ ...ASKED, ...overrides, microBatch }, measure));
  }
  return runs;
}

// The forward pass of fp8-row reads scales of tokens and of weights only.
describe.each(['fp32', 'tf32', 'fp16', 'fp16-pure', 'bf16', 'fp8-row'] as const)('%s', (precision) => {
  test('measurements of equal weights agree to the last bit, and so do the checksums of the start', async () => {
    const runs = await measuredFor({ precision }, async (trainer) => ({
      valLoss: await trainer.evaluate(),
      sharpness: await trainer.sharpness(),
      start: trainer.start,
    }));
    for (const run of runs) expect(run).toEqual(runs[0]);
    expect(runs[0]!.valLoss).toBeGreaterThan(0);
  });
});

test('gradients are counted on a whole batch', async () => {
  const runs = await measuredFor({ precision: 'fp16' }, async (trainer) => {
    const { rows, counts } = await trainer.countGradients();
    const { length } = counts;
    const bins = length / rows.length;
    // Activation gradients have the same bits in any micro-batch. Weight gradients are summed in another order and are left out.
    return rows.flatMap(({ name, kind }, i) =>
      kind === 'activationGradient' ? [[name, ...counts.slice(i * bins, (i + 1) * bins)]] : [],
    );
  });
  expect(runs[0]!.length).toBeGreaterThan(0);
  for (const run of runs) expect(run).toEqual(runs[0]);
});

/**
 * Largest difference of an element between two cuts of the batch, as a share of the tensor's largest magnitude A.
 * The scale of a micro-batch is a power of two that brings A between 224 and 448, the largest value of e4m3fn. Another cut may
 * have another scale. The same element then rounds differently only if it is subnormal, below 2^-6, with one of the scales.
 * Subnormals have steps of 2^-9, so each cut rounds by at most 2^-10, which is A * 2^-10 / 224 before scaling.
 */
const CUT_ERROR = (2 * 2 ** -10) / 224;

describe.each(['fp8', 'fp8-delayed'] as const)('%s, with a scale of each micro-batch', (precision) => {
  test('measurements of equal weights agree within the precision of the scale, and the checksums of the start agree', async () => {
    const runs = await measuredFor({ precision }, async (trainer) => ({
      valLoss: (await trainer.evaluate())!,
      start: trainer.start,
    }));
    // The bound on the loss follows in three steps:
    // 1. A block quantises at most 9 tensors: the inputs and weights of its 4 matmuls, and the input of GELU.
    // 2. CUT_ERROR bounds how much an element of such a tensor may differ. A matmul sums up to 4 C products (C is the width).
    //    Their differences have random signs, so that their sum grows with the square root of the number of terms.
    // 3. The loss is assumed to change by no more than the relative change of these sums, because each layer norm divides its
    //    input by the standard deviation of the input, and so does not amplify relative changes.
    const bound = CUT_ERROR * 9 * TINY.layers * Math.sqrt(4 * TINY.width);
    const errors = runs.map(({ valLoss }) => Math.abs(valLoss - runs[0]!.valLoss));
    console.log(
      `${precision}: ${errors.map((error) => error.toExponential(1))}; bound ${bound.toExponential(1)}`,
    );
    for (const error of errors) expect(error).toBeLessThanOrEqual(bound);
    for (const { start } of runs) expect(start).toEqual(runs[0]!.start);
  });
});

test('a step has the same loss within the rounding of its sum, and the same checksums of the start', async () => {
  const runs = await measuredFor({}, async (trainer) => {
    const { start, config } = trainer;
    const [first] = await takeSteps(trainer, 1);
    return { config, facts: { start }, loss: first!.loss! };
  });
  // Each count is a number of roundings on the way from a row's loss to the step's: sums in a lane (2), the tree over 256 lanes
  // (8), 1 / tokens and the product with it (2), and the carries and sum of levels for 16 micro-batches of 5 bits (10).
  const bound = 2 * (2 + 8 + 2 + 10) * 2 ** -24 * runs[0]!.loss;
  const errors = runs.map(({ loss }) => Math.abs(loss - runs[0]!.loss));
  console.log(`losses of step 1: ${errors}; bound ${bound}`);
  for (const error of errors) expect(error).toBeLessThanOrEqual(bound);
  expect(startProof(runs)?.start).toEqual(runs[0]!.facts.start);
});

test('a run in micro-batches is saved with the settings that were given, and measured as before once resumed', async () => {
  const config = { ...ASKED, microBatch: 2 };
  const { file, valLoss } = await withTrainer(config, async (trainer) => {
    await takeSteps(trainer, 3);
    return { file: await fileOf(trainer, await trainer.snapshots()), valLoss: await trainer.evaluate() };
  });
  const run = await openRun(bytesSource('run.safetensors', file));
  expect(run.description.config).toMatchObject(config);
  expect(run.progress).toMatchObject({ attempted: 3, nextMicroBatch: 6 });
  for (const microBatch of [2, null]) {
    await withTrainer(
      { ...run.description.config, microBatch },
      async (trainer) => {
        expect(await trainer.evaluate()).toBe(valLoss);
        expect(trainer.changes).toEqual(
          microBatch === null
            ? [{ step: 4, what: 'microBatch', from: '8 of 2', to: `2 of ${microBatchOf(trainer.config)}` }]
            : [],
        );
      },
      { resume: run },
    );
  }
});
