/** Ten fp32 steps of Llama and Qwen models on the GPU against transformers' own modules in PyTorch. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ModelKinds } from '../../../src/engine/config/gptConfig.ts';
import { paddedVocabulary } from '../../../src/engine/config/gptConfig.ts';
import { gptConfig } from '../../../src/engine/config/trainConfig.ts';
import type { TrainConfig } from '../../../src/engine/index.ts';
import { type TorchFixture, type TorchTensor, valuesOf } from '../../unit/reference/torchFixture.ts';
import { letters, parametersOf, TINY, takeSteps, withTrainer } from './helper.ts';

interface Model extends Pick<TorchFixture, 'loss' | 'gradNorm'> {
  readonly config: Pick<TrainConfig, 'layers' | 'heads' | 'width' | 'context' | 'tied'> &
    Partial<ModelKinds> & { readonly vocabulary: number; readonly zLoss?: number };
  /** 2-norms of the first step's gradients. */
  readonly gradientNorms: Readonly<Record<string, number>>;
  readonly initial: Readonly<Record<string, TorchTensor>>;
}

interface Fixture extends Pick<TorchFixture, 'batch' | 'steps' | 'optimizer' | 'tokens' | 'targets'> {
  readonly models: Readonly<Record<'llama' | 'qwen2' | 'qwen3', Model>>;
}

const path = new URL('../../fixtures/torch_decoders.json', import.meta.url);
const { models, batch, steps, optimizer, tokens, targets } = JSON.parse(
  readFileSync(path, 'utf8'),
) as Fixture;
const batches = (index: number) => ({
  tokens: Uint32Array.from(tokens[index]!),
  targets: Uint32Array.from(targets[index]!),
});

const relative = (value: number | null, wanted: number) => Math.abs(value! / wanted - 1);

const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));

describe.each(Object.entries(models))('%s', (name, model) => {
  const { vocabulary, ...shape } = model.config;
  const overrides: Partial<TrainConfig> = { ...optimizer, ...shape, batch, steps };

  test('fp32 follows PyTorch for ten steps', () =>
    withTrainer(
      overrides,
      async (trainer) => {
        const gpt = gptConfig({ ...TINY, ...overrides }, vocabulary);
        const padding = (paddedVocabulary(gpt) - vocabulary) * gpt.width;
        await trainer.setParameters((name) => {
          const values = valuesOf(model.initial[name]!);
          const padded = new Float32Array(values.length + (/^(wte|lm_head)/.test(name) ? padding : 0));
          padded.set(values);
          return padded;
        });
        const metrics = await takeSteps(trainer, 1);
        const gradients = await parametersOf(trainer, 'gradient');
        expect([...gradients.keys()].sort()).toEqual(Object.keys(model.gradientNorms).sort());
        // As in torch.test.ts, on both sides.
        const errors = [...gradients].map(([name, values]) => {
          const error = relative(norm(values), model.gradientNorms[name]!);
          expect(error, `gradient of ${name}`).toBeLessThan(4e-5);
          return error;
        });
        metrics.push(...(await takeSteps(trainer, steps - 1)));
        for (const [i, { loss, gradNorm, skipped }] of metrics.entries()) {
          expect(skipped).toBe(false);
          expect(Math.abs(loss! - model.loss[i]!)).toBeLessThan(i === 0 ? 1e-5 : 1e-4);
          expect(relative(gradNorm, model.gradNorm[i]!)).toBeLessThan(1e-4);
        }
        const last = Math.abs(metrics.at(-1)!.loss! - model.loss.at(-1)!);
        console.log(
          `${name}: gradients ${Math.max(...errors).toExponential(1)} of 4e-5, last loss ${last.toExponential(1)} of 1e-4`,
        );
      },
      { text: letters(vocabulary), batches },
    ));
});
