/** Ten fp32 steps on the GPU against PyTorch in float64: same initial values, same batches. */
import { expect, test } from 'vitest';
import {
  batchOf,
  initialParameters,
  readTorchFixture,
  type TorchTensor,
  valuesOf,
} from '../../unit/reference/torchFixture.ts';
import { letters, parametersOf, relativeError, takeSteps, withTrainer } from './helper.ts';

const fixture = readTorchFixture();
const { config, optimizer, steps } = fixture;
const initial = initialParameters(fixture);
const batches = (index: number) => {
  const { tokens, targets } = batchOf(fixture, index);
  return { tokens: Uint32Array.from(tokens), targets: Uint32Array.from(targets) };
};

function expectTensors(
  values: ReadonlyMap<string, Float64Array>,
  wanted: Readonly<Record<string, TorchTensor>>,
  bound: number,
): void {
  expect([...values.keys()].sort()).toEqual(Object.keys(wanted).sort());
  const errors: string[] = [];
  for (const [name, tensor] of Object.entries(wanted)) {
    const actual = values.get(name)!;
    const expected = new Float64Array(actual.length);
    expected.set(valuesOf(tensor)); // rows that pad the vocabulary stay zero
    const error = relativeError(actual, expected);
    errors.push(`${name} ${error.toExponential(1)}`);
    expect(error, `${name}: relative error`).toBeLessThan(bound);
  }
  console.log(`bound ${bound.toExponential(1)}: ${errors.join(', ')}`);
}

const relative = (value: number | null, wanted: number) => Math.abs(value! / wanted - 1);

test('fp32 follows PyTorch for ten steps', () =>
  withTrainer(
    {
      ...optimizer,
      layers: config.layers,
      heads: config.heads,
      width: config.width,
      context: config.context,
      batch: fixture.batch,
      steps,
    },
    async (trainer) => {
      await trainer.setParameters((name) => Float32Array.from(initial.get(name)!));
      const metrics = await takeSteps(trainer, 1);
      // An f32 sum of K products is off by about sqrt(K) 2^-24; about thirty such sums lie on the longest path, and
      // the longest of them has K = 4 C = 128: 30 * sqrt(128) * 2^-24 = 2.0e-5.
      expectTensors(await parametersOf(trainer, 'gradient'), fixture.gradients, 2e-5);
      metrics.push(...(await takeSteps(trainer, steps - 1)));
      for (const [i, { step, loss, gradNorm, lr, skipped }] of metrics.entries()) {
        const lossError = relative(loss, fixture.loss[i]!);
        const normError = relative(gradNorm, fixture.gradNorm[i]!);
        console.log(`step ${step}: loss ${lossError.toExponential(1)}, norm ${normError.toExponential(1)}`);
        expect(step).toBe(i + 1);
        expect(skipped).toBe(false);
        expect(lossError).toBeLessThan(i === 0 ? 1e-5 : 1e-4);
        expect(normError).toBeLessThan(1e-4);
        expect(relative(lr, fixture.learningRate[i]!)).toBeLessThan(2 ** -23);
      }
      // Adam divides by sqrt(v): where a gradient is nearly zero, its rounding error moves the weight by as much as
      // lr a step. That is 10 * 1e-3 of weights of 0.02 to 1 for key biases alone, so they are compared with the step.
      const final = await parametersOf(trainer, 'master');
      for (const [name, tensor] of Object.entries(fixture.final)) {
        const actual = final.get(name)!;
        const largest = valuesOf(tensor).reduce((most, x, i) => Math.max(most, Math.abs(x - actual[i]!)), 0);
        const isBias = name.endsWith('c_attn.bias');
        expect(largest, name).toBeLessThan(
          isBias ? steps * optimizer.learningRate : 0.1 * optimizer.learningRate,
        );
      }
    },
    { text: letters(config.vocabulary), batches },
  ));
