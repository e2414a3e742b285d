/** A vocabulary matrix larger than a binding is trained in slices, with the results of an unsliced one. */
import { describe, expect, test } from 'vitest';
import { gptConfig } from '../../../src/engine/config/trainConfig.ts';
import type { TrainConfig } from '../../../src/engine/index.ts';
import { rowCounts } from '../../../src/engine/inspect/frame.ts';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import { modelForward, type Parameters } from '../../../src/engine/reference/model.ts';
import { modelBackward } from '../../../src/engine/reference/modelBackward.ts';
import { described } from '../../unit/described.ts';
import {
  letters,
  numbersOf,
  parametersOf,
  randomBatch,
  referenceBatch,
  relativeError,
  storedAs,
  TINY,
  TINY_VOCABULARY,
  type TinyOptions,
  takeSteps,
  withTrainer,
} from './helper.ts';

/** 1,400 tokens are padded to 1,408 rows of 96: more than two bindings hold, and each block is less than one. */
const VOCABULARY = 1400;
const SHAPE = { layers: 1, heads: 6, width: 96, batch: 4, vocabulary: VOCABULARY } as const;
const SLICES = [512, 512, 384];
const BINDING = 372 * 1024;
const ROWS = SHAPE.batch * TINY.context;
/** Relative error of the longest f32 sum, that of the gradient of ln_f over the vocabulary. */
const E = Math.sqrt(VOCABULARY) * 2 ** -23;

const batches = (index: number) => randomBatch(index, ROWS, VOCABULARY);

const small: TinyOptions = {
  prepare: (device) => {
    const limits = { maxStorageBufferBindingSize: BINDING, maxBufferSize: BINDING };
    Object.defineProperty(device, 'limits', { value: limits });
  },
};

/** Without a clip, since the partial sums of the norm are cut differently. */
function run(overrides: Partial<TrainConfig>, options: TinyOptions = {}) {
  return withTrainer(
    { ...SHAPE, clip: 0, ...overrides },
    async (trainer) => {
      const { tensors } = trainer.plan;
      const logits = await trainer.nextTokenLogits([1, 2, 3]);
      const valLoss = await trainer.evaluate();
      const [first] = await takeSteps(trainer, 1);
      const embedding = await numbersOf(trainer, storedAs(trainer, 'embedding'));
      const gradients = await parametersOf(trainer, 'gradient');
      const later = await takeSteps(trainer, 2);
      return {
        logits,
        valLoss,
        firstLoss: first!.loss,
        lastLoss: later.at(-1)!.loss,
        embedding,
        gradients,
        parts: [...tensors.parameters].map(
          ([name, { parts }]) => [name, parts.map(({ rows }) => rows)] as const,
        ),
      };
    },
    { batches, ...options },
  );
}

describe.each([
  ['fp32', false],
  ['fp16', true],
  ['fp16-pure', false],
] as const)('%s, tied %s', (precision, tied) => {
  test('in slices as whole', async () => {
    const whole = await run({ precision, tied });
    const sliced = await run({ precision, tied }, small);
    const matrices = tied ? ['wte.weight'] : ['wte.weight', 'lm_head.weight'];
    for (const [name, parts] of whole.parts) expect(parts, name).toHaveLength(1);
    for (const [name, parts] of sliced.parts) {
      if (matrices.includes(name)) expect(parts).toEqual(SLICES);
      else expect(parts, name).toHaveLength(1);
    }
    // The forward pass, the loss and the head's gradients have the same bits.
    expect(sliced.logits).toEqual(whole.logits);
    expect(sliced.logits).toHaveLength(TINY_VOCABULARY);
    expect(sliced.valLoss).toBe(whole.valLoss);
    expect(sliced.firstLoss).toBe(whole.firstLoss);
    expect(sliced.embedding).toEqual(whole.embedding);
    if (!tied) expect(sliced.gradients.get('lm_head.weight')).toEqual(whole.gradients.get('lm_head.weight'));
    // The gradient of ln_f is summed slice by slice: f32 rounding, and values of f16 that it tips over.
    const { gradient } = described(precision).roles;
    const tolerance =
      precision === 'fp32' ? Math.sqrt(20) * E : 2 ** -11 + (gradient === 'f16' ? 2 ** -11 : 0);
    for (const [name, values] of whole.gradients) {
      expect(relativeError(sliced.gradients.get(name)!, values), name).toBeLessThan(tolerance);
    }
    // Without masters and scaling, a gradient that is tipped over makes a step of its own.
    if (!recipeOf(precision).unsound) expect(sliced.lastLoss).toBeCloseTo(whole.lastLoss!, 3);
  });
});

test('fp32: gradients of slices are those of the f64 model', async () => {
  const config = { ...TINY, ...SHAPE };
  const gpt = gptConfig(config, TINY_VOCABULARY);
  let initial: Parameters = new Map();
  const gradients = await withTrainer(
    { ...SHAPE },
    async (trainer) => {
      initial = await parametersOf(trainer, 'master');
      await takeSteps(trainer, 1);
      return parametersOf(trainer, 'gradient');
    },
    { batches, ...small },
  );
  expect([...initial.keys()]).toEqual(parameterSpecs(gpt).map(({ name }) => name));
  const model = { config: gpt, recipe: described('fp32') };
  const batch = referenceBatch(batches(0), config);
  const expected = modelBackward(model, initial, batch, modelForward(model, initial, batch), {
    lossScale: 1,
  });
  // Some twenty tensors between the logits and the embedding, each a sum that is off by E at most.
  for (const [name, values] of expected) {
    expect(relativeError(gradients.get(name)!, values), name).toBeLessThan(Math.sqrt(20) * E);
  }
});

test('a smaller tokenizer is padded: only its own tokens are sampled, and its text can be trained on', () =>
  withTrainer(
    { ...SHAPE, precision: 'fp16' },
    async (trainer) => {
      const [first] = await takeSteps(trainer, 1);
      expect(first!.loss).toBeCloseTo(Math.log(VOCABULARY), 1);
      // Every slice is counted in the row of its matrix, and the embedding once all of them are in it.
      for (const [kind, name, rows] of [
        ['weights', 'wte.weight', VOCABULARY],
        ['activations', 'embedding', ROWS],
      ] as const) {
        const frame = await trainer.numerics.inspect(kind);
        const counts = rowCounts(
          frame,
          frame.rows.findIndex((row) => row.name === name),
        );
        expect(counts.reduce((a, b) => a + b)).toBe(rows * SHAPE.width);
      }
      const sample = await trainer.sample({ prompt: '', length: 20, temperature: 1, topK: 0, seed: 1 });
      expect(sample).toMatch(
        new RegExp(
          `^[${letters()
            .slice(0, TINY_VOCABULARY)
            .replace(/[\]\\^-]/g, '\\$&')}]{20}$`,
        ),
      );
    },
    small,
  ));
