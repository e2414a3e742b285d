/** Ten fp32 steps of Llama and Qwen models on the GPU against transformers' own modules in PyTorch. */
import { describe, expect, test } from 'vitest';
import { readTorchDecoders } from '../../unit/reference/torchDecoders.ts';
import { letters, parametersOf, takeSteps, withTrainer } from './helper.ts';

const { models, batch, steps, optimizer, tokens, targets } = readTorchDecoders();
const batches = (index: number) => ({
  tokens: Uint32Array.from(tokens[index]!),
  targets: Uint32Array.from(targets[index]!),
});

const relative = (value: number | null, wanted: number) => Math.abs(value! / wanted - 1);

describe.each(models)('$name', ({ name, config, zLoss, initial, loss, gradNorm, gradientNorms }) => {
  const { vocabulary, ...shape } = config;

  test('fp32 follows PyTorch for ten steps', () =>
    withTrainer(
      { ...optimizer, ...shape, zLoss, batch, steps },
      async (trainer) => {
        await trainer.setParameters((name) => Float32Array.from(initial.get(name)!));
        const metrics = await takeSteps(trainer, 1);
        const gradients = await parametersOf(trainer, 'gradient');
        expect([...gradients.keys()].sort()).toEqual(Object.keys(gradientNorms).sort());
        // Both sides are off by 2e-5, as in torch.test.ts.
        const errors = [...gradients].map(([name, values]) => {
          const error = relative(Math.hypot(...values), gradientNorms[name]!);
          expect(error, `gradient of ${name}`).toBeLessThan(4e-5);
          return error;
        });
        metrics.push(...(await takeSteps(trainer, steps - 1)));
        const worst = { loss: 0, norm: 0 };
        for (const [i, step] of metrics.entries()) {
          const lossError = Math.abs(step.loss! - loss[i]!);
          const normError = relative(step.gradNorm, gradNorm[i]!);
          expect(step.skipped).toBe(false);
          expect(lossError).toBeLessThan(i === 0 ? 1e-5 : 1e-4);
          expect(normError).toBeLessThan(1e-4);
          worst.loss = Math.max(worst.loss, lossError);
          worst.norm = Math.max(worst.norm, normError);
        }
        console.log(
          `${name}: gradients ${Math.max(...errors).toExponential(1)} of 4e-5, losses ${worst.loss.toExponential(1)} of 1e-4, norms ${worst.norm.toExponential(1)} of 1e-4`,
        );
      },
      { text: letters(vocabulary), batches },
    ));
});
