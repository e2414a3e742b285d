/** The f64 reference model, clip and AdamW against ten steps of PyTorch in float64. */
import { describe, expect, it } from 'vitest';
import { parameterSpecs } from '../../../src/engine/model/decoder.ts';
import type { Parameters, ReferenceModel } from '../../../src/engine/reference/model.ts';
import { type StepResult, trainState, trainStep } from '../../../src/engine/reference/trainStep.ts';
import { learningRateAt } from '../../../src/engine/train/lrSchedule.ts';
import { described } from '../described.ts';
import { batchOf, initialParameters, readTorchFixture, type TorchTensor, valuesOf } from './torchFixture.ts';

const fixture = readTorchFixture();
const { config, optimizer, steps } = fixture;
const model: ReferenceModel = { config, recipe: described('fp32'), exact: true };
const state = trainState(model, initialParameters(fixture));
const results: StepResult[] = [];
for (let step = 0; step < steps; step++) {
  const learningRate = fixture.learningRate[step]!;
  results.push(
    trainStep(model, state, [batchOf(fixture, step)], { ...optimizer, learningRate, scaler: null }),
  );
}

const relative = (value: number, wanted: number) => Math.abs(value / wanted - 1);

/** Every element within float32's rounding of the file, norm and sum (float64 in the file) within `tolerance`. */
function expectTensors(values: Parameters, wanted: Readonly<Record<string, TorchTensor>>, tolerance: number) {
  expect([...values.keys()].sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, tensor] of Object.entries(wanted)) {
    const actual = values.get(name)!;
    const expected = valuesOf(tensor);
    const largest = Math.max(...expected.map(Math.abs));
    for (let i = 0; i < expected.length; i++) {
      const error = Math.abs(actual[i]! - expected[i]!);
      expect(error, `${name}[${i}]`).toBeLessThanOrEqual(
        2 ** -24 * Math.abs(expected[i]!) + tolerance * largest,
      );
    }
    expect(
      actual.subarray(expected.length).every((x) => x === 0),
      `${name}: padding`,
    ).toBe(true);
    const norm = Math.hypot(...actual);
    const sum = actual.reduce((a, b) => a + b, 0);
    expect(relative(norm, tensor.norm), `${name}: norm`).toBeLessThan(tolerance);
    expect(Math.abs(sum - tensor.sum) / norm, `${name}: sum`).toBeLessThan(
      tolerance * Math.sqrt(actual.length),
    );
  }
}

describe('ten steps against PyTorch in float64', () => {
  it('is a fixture of this model, with steps that clip and steps that do not', () => {
    expect(Object.keys(fixture.initial)).toEqual(parameterSpecs(config).map((spec) => spec.name));
    expect(fixture.gradNorm.some((norm) => norm > optimizer.clip)).toBe(true);
    expect(fixture.gradNorm.some((norm) => norm < optimizer.clip)).toBe(true);
  });

  it("has nanoGPT's learning rates", () => {
    for (let step = 0; step < steps; step++) {
      const rate = learningRateAt({ ...optimizer, lrSchedule: 'cosine', steps }, step);
      expect(relative(rate, fixture.learningRate[step]!)).toBeLessThan(1e-14);
    }
  });

  it.each(results.map((result, i) => [i + 1, result] as const))(
    'step %i: loss and gradient norm',
    (step, result) => {
      const tolerance = step === 1 ? 1e-9 : 1e-7;
      expect(relative(result.loss, fixture.loss[step - 1]!)).toBeLessThan(tolerance);
      expect(relative(result.gradNorm, fixture.gradNorm[step - 1]!)).toBeLessThan(tolerance);
    },
  );

  it('has the gradients of step 1', () => expectTensors(results[0]!.gradients, fixture.gradients, 1e-9));

  it('has the final parameters', () => expectTensors(state.parameters, fixture.final, 1e-7));
});

describe('the reference rounded to f32 at every store', () => {
  it('stays within what the GPU is allowed: 1e-5 at step 1, 1e-4 at step 10', () => {
    const rounding: ReferenceModel = { config, recipe: described('fp32') };
    const run = trainState(rounding, initialParameters(fixture));
    for (let step = 0; step < steps; step++) {
      const learningRate = fixture.learningRate[step]!;
      const options = { ...optimizer, learningRate, scaler: null };
      const result = trainStep(rounding, run, [batchOf(fixture, step)], options);
      expect(relative(result.loss, fixture.loss[step]!)).toBeLessThan(step === 0 ? 1e-5 : 1e-4);
      expect(relative(result.gradNorm, fixture.gradNorm[step]!)).toBeLessThan(1e-4);
    }
  });
});
