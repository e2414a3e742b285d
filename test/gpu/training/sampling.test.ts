/** Sampling with a cache of keys and values: the logits are those of computing every token again. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileSource } from '../../../src/cli/fileSource.ts';
import { openGivenModel } from '../../../src/cli/givenModel.ts';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { gptConfig } from '../../../src/engine/config/trainConfig.ts';
import { reportOf, type TrainConfig } from '../../../src/engine/index.ts';
import { describeRecipe } from '../../../src/engine/precision/description.ts';
import { recipeFor } from '../../../src/engine/precision/recipes.ts';
import { modelForward } from '../../../src/engine/reference/model.ts';
import { windowStart } from '../../../src/engine/train/decoding.ts';
import { openForwardModel } from '../../../src/engine/train/forwardModel.ts';
import { readParameters } from '../../../src/engine/train/readWeights.ts';
import {
  fileOf,
  parametersOf,
  randomBatch,
  relativeError,
  TINY,
  TINY_VOCABULARY,
  takeSteps,
  withTrainer,
} from './helper.ts';

/** More than two chunks of a prompt and the half by which a full window moves. */
const LONG = { context: 144 } as const;
/** As Llama, and as Qwen 3 with caps. */
const LLAMA = {
  ...{ tied: false, norm: 'rmsnorm', mlp: 'swiglu', position: 'rope', keyValueHeads: 1, biases: 'none' },
} as const;
const QWEN = { ...LLAMA, ...LONG, qkNorm: true, attentionSoftCap: 5, logitSoftCap: 5 } as const;
const TOKENS = [...randomBatch(3, 200).tokens].map((token) => token % TINY_VOCABULARY);

interface Predicts {
  readonly config: TrainConfig;
  nextTokenLogits(context: readonly number[]): Promise<Float32Array>;
}

/** Logits of all tokens computed again, since the call before had another first token. */
async function recomputed(model: Predicts, tokens: readonly number[]): Promise<Float32Array> {
  const first = tokens[windowStart(tokens.length, model.config.context)]!;
  await model.nextTokenLogits([(first + 1) % TINY_VOCABULARY]);
  return model.nextTokenLogits(tokens);
}

const CASES: readonly Pick<TrainConfig, 'precision'>[] = [
  { precision: 'fp32' },
  { precision: 'fp32', ...LONG },
  { precision: 'fp16', ...LLAMA },
  { precision: 'fp32', ...QWEN },
  { precision: 'bf16', ...LONG },
  { precision: 'fp8' },
  { precision: 'fp8-delayed', ...LONG },
  { precision: 'fp8-row', ...LLAMA },
  { precision: 'int8-m', ...LLAMA },
];

describe('with and without the cache, the same logits to the bit', () => {
  test.each(CASES)('%o', (overrides) =>
    withTrainer({ ...overrides, batch: 1 }, async (trainer) => {
      await takeSteps(trainer, 3);
      const { context } = trainer.config;
      // A prompt, tokens until the window is full, and some after it has moved.
      const prompt = Math.floor(context / 2) + 3;
      const lengths = [prompt, prompt + 1, prompt + 2, context - 1, context, context + 1, context + 2];
      const cached: Float32Array[] = [];
      for (const length of lengths) cached.push(await trainer.nextTokenLogits(TOKENS.slice(0, length)));
      for (const [i, length] of lengths.entries()) {
        const again = await recomputed(trainer, TOKENS.slice(0, length));
        expect(cached[i], `after ${length} tokens`).toEqual(again);
      }
      // A step changes the weights under the cache.
      await takeSteps(trainer, 1);
      const after = await trainer.nextTokenLogits(TOKENS.slice(0, context));
      expect(after).not.toEqual(cached[4]);
      expect(after).toEqual(await recomputed(trainer, TOKENS.slice(0, context)));
    }),
  );
});

/** As the losses of training: f32 sums of these lengths are off by less. */
const BOUND = 1e-5;

/** A single token is a tensor of one row, whose scales the f64 model has too. */
test.each([
  ['fp32', TINY.context],
  ['fp8', 1],
] as const)('%s: logits are those of the f64 model', (precision, longest) =>
  withTrainer({ precision }, async (trainer) => {
    const config = gptConfig(trainer.config, TINY_VOCABULARY);
    const recipe = describeRecipe(recipeFor({ precision }));
    const parameters = await parametersOf(trainer, 'master');
    const errors: number[] = [];
    for (let length = 1; length <= longest; length++) {
      const tokens = TOKENS.slice(0, length);
      const batch = { tokens, targets: tokens, B: 1, T: length };
      const { logits } = modelForward({ config: { ...config, context: length }, recipe }, parameters, batch);
      const row = logits.length / length;
      const expected = logits.slice(-row).slice(0, TINY_VOCABULARY);
      const own = await trainer.nextTokenLogits(tokens);
      errors.push(relativeError(Float64Array.from(own), expected));
    }
    console.log(`${precision}: worst ${Math.max(...errors).toExponential(1)}, bound ${BOUND}`);
    for (const error of errors) expect(error).toBeLessThan(BOUND);
  }),
);

test.each(['fp32', 'fp8', 'bf16-split'] as const)(
  '%s: a model that only predicts has the weights and the logits of the trainer, and no memory for training',
  (precision) =>
    withTrainer({ precision, batch: 1 }, async (trainer, { adapter }) => {
      await takeSteps(trainer, 2);
      const values = await readParameters(trainer);
      const labels: string[] = [];
      const create = trainer.device.createBuffer.bind(trainer.device);
      trainer.device.createBuffer = (descriptor) => {
        labels.push(descriptor.label ?? '');
        return create(descriptor);
      };
      const report = reportOf(adapter, trainer.device);
      const { config, dataset } = trainer;
      const model = await openForwardModel(trainer.device, report, config, dataset.tokenizer, {
        valuesOf: (name) => values.get(name)!,
      });
      const context = TOKENS.slice(0, 9);
      expect(await model.nextTokenLogits(context)).toEqual(await trainer.nextTokenLogits(context));
      const text = TOKENS.slice(0, 40);
      const { tokens, loss, perplexity } = await model.score(text);
      // One token after the other, each from the window in which it is scored.
      let sum = 0;
      for (let token = 1; token < text.length; token++) {
        const half = config.context / 2;
        const start = token <= config.context ? 0 : Math.ceil((token - config.context) / half) * half;
        const logits = await model.nextTokenLogits(text.slice(start, token));
        const total = logits.reduce((all, logit) => all + Math.exp(logit), 0);
        sum += Math.log(total) - logits[text[token]!]!;
      }
      expect(tokens).toBe(39);
      console.log(`${precision}: loss ${loss}, token by token ${sum / 39}`);
      expect(Math.abs(loss - sum / 39)).toBeLessThan(1e-5);
      expect(perplexity).toBe(Math.exp(loss));
      model.destroy();
      expect(labels.filter((label) => /#(grad|m|v|groups)$|gradient/.test(label))).toEqual([]);
      expect(labels.length).toBeGreaterThan(0);
    }),
);

test.each(['fp32', 'fp8', 'bf16-split'] as const)(
  '%s: `sample --resume` and `evaluate --resume` have the saved run’s model',
  (precision) =>
    withTrainer({ precision, batch: 1 }, async (trainer, { adapter }) => {
      await takeSteps(trainer, 3);
      const folder = mkdtempSync(join(tmpdir(), 'halfstep-resume-'));
      try {
        const path = join(folder, 'run.safetensors');
        writeFileSync(path, await fileOf(trainer, await trainer.snapshots()));
        await takeSteps(trainer, 1);
        const later = await trainer.nextTokenLogits(TOKENS.slice(0, 9));
        const given = await openGivenModel(new Map([['resume', path]]));
        expect(given.config).toEqual(trainer.config);
        const model = await given.open(trainer.device, reportOf(adapter, trainer.device));
        expect(await model.nextTokenLogits(TOKENS.slice(0, 9))).not.toEqual(later);
        await trainer.restore(await openRun(await fileSource(path)));
        expect(await model.nextTokenLogits(TOKENS.slice(0, 9))).toEqual(
          await trainer.nextTokenLogits(TOKENS.slice(0, 9)),
        );
        const options = { prompt: '0369', length: 24, temperature: 0.8, topK: 0, seed: 5 };
        const written = await model.generate(options);
        expect(written.ids).toEqual((await trainer.generate(options)).ids);
        expect(written.text).toHaveLength(24);
        const values = await readParameters(trainer);
        const { device, config, dataset } = trainer;
        const own = await openForwardModel(device, reportOf(adapter, device), config, dataset.tokenizer, {
          valuesOf: (name) => values.get(name)!,
        });
        expect(await model.score(TOKENS)).toEqual(await own.score(TOKENS));
        own.destroy();
        model.destroy();
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
);

test('a run counts the memory of its first sample', () =>
  withTrainer({}, async (trainer) => {
    const before = trainer.memory;
    await trainer.nextTokenLogits([1]);
    const { activations, total } = trainer.memory;
    expect(total - before.total).toBe(activations - before.activations);
    const cache = 4 * 2 * TINY.context * TINY.width * TINY.layers;
    expect(total - before.total).toBeGreaterThan(cache);
  }));
