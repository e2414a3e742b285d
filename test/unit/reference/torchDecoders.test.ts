/** The f64 reference model against the first steps of transformers' Llama and Qwen modules in PyTorch's float32. */
import { describe, expect, it } from 'vitest';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import { trainState, trainStep } from '../../../src/engine/reference/trainStep.ts';
import { learningRateAt } from '../../../src/engine/train/lrSchedule.ts';
import { described } from '../described.ts';
import { readTorchDecoders } from './torchDecoders.ts';

const { models, batch, steps, optimizer, tokens, targets } = readTorchDecoders();
const STEPS = 4;

describe.each(models)('$name', ({ config, zLoss, initial, loss, gradNorm, gradientNorms }) => {
  it('has the parameters of the module', () => {
    expect([...initial.keys()]).toEqual(parameterSpecs(config).map(({ name }) => name));
  });

  it('has its losses and gradients', () => {
    const model = { config, recipe: described('fp32'), exact: true };
    const state = trainState(model, initial);
    for (let step = 0; step < STEPS; step++) {
      const learningRate = learningRateAt({ ...optimizer, lrSchedule: 'cosine', steps }, step);
      const one = { tokens: tokens[step]!, targets: targets[step]!, B: batch, T: config.context };
      const result = trainStep(model, state, [one], { ...optimizer, learningRate, scaler: null, zLoss });
      // PyTorch's float32: thirty sums of up to 128 products on the longest path, as in torch.test.ts of the GPU.
      expect(Math.abs(result.loss - loss[step]!)).toBeLessThan(1e-5);
      expect(Math.abs(result.gradNorm / gradNorm[step]! - 1)).toBeLessThan(2e-5);
      if (step > 0) continue;
      for (const [name, values] of result.gradients) {
        const error = Math.abs(Math.hypot(...values) / gradientNorms[name]! - 1);
        expect(error, `gradient of ${name}`).toBeLessThan(2e-5);
      }
    }
  });
});
