import { expect, test } from 'vitest';
import { presetOf } from '../../../src/engine/model/presets.ts';
import { buildSchedule } from '../../../src/engine/model/schedule.ts';
import { DEFAULT_LIMITS, runTensors } from '../../../src/engine/model/tensors.ts';
import { ProbeCost } from '../../../src/engine/numerics/cost.ts';
import { buildNumerics } from '../../../src/engine/numerics/schedule.ts';
import { PRECISION_MODES } from '../../../src/engine/precision/recipes.ts';
import { byteLength } from '../../../src/engine/tensor.ts';

const target = {
  half: 'packed',
  subgroups: true,
  lanes: 8,
  matmul: 'register32',
  matrixShapes: [],
  splitSums: true,
} as const;

test.each([...PRECISION_MODES.map((precision) => [precision, 'tensor'] as const), ['fp8', '1x16'] as const])(
  '%s, activations %s: every gradient row is counted, and by dispatches of the same site',
  (precision, fp8Activations) => {
    const config = { ...presetOf('smoke').config, precision, fp8Activations };
    const tensors = runTensors(config, 80, DEFAULT_LIMITS);
    const { microBatch } = buildSchedule(target, tensors, config);
    const numerics = buildNumerics(target, tensors, microBatch);
    const sited = numerics.microBatch.filter(
      (operation) => operation.kind !== 'dispatch' || !operation.observes,
    );
    expect(sited.map((operation) => operation.kind === 'dispatch' && operation.label)).toEqual(
      microBatch.map((operation) => operation.kind === 'dispatch' && operation.label),
    );
    const counted = new Set(
      [...numerics.microBatch, ...numerics.gradients].flatMap((operation) => {
        const histogram = operation.kind === 'dispatch' ? operation.bindings.histogram : undefined;
        return histogram && 'tensor' in histogram ? [histogram.offset / 256] : [];
      }),
    );
    const { gradients, weights, activations } = numerics.rows;
    expect([...counted].sort((a, b) => a - b)).toEqual(gradients.map((_, i) => i));
    expect(new Set(gradients.map(({ name }) => name)).size).toBe(gradients.length);
    for (const rows of [gradients, weights, activations]) {
      expect(byteLength(tensors.histogram)).toBeGreaterThanOrEqual(rows.length * 1024 + 64);
    }
    const { noise } = numerics;
    const measured = [...numerics.microBatch, ...noise.weights].flatMap((operation) => {
      const parts = operation.kind === 'dispatch' ? operation.bindings.parts : undefined;
      return parts && 'tensor' in parts ? [(parts.offset - noise.firstWord) / 256] : [];
    });
    expect([...new Set(measured)].sort((a, b) => a - b)).toEqual(noise.rows.map((_, i) => i));
    expect(noise.firstWord).toBe(gradients.length * 256);
    expect(byteLength(tensors.histogram)).toBeGreaterThanOrEqual(
      4 * (noise.firstWord + 256 * noise.rows.length) + 64,
    );
    // 4 linear layers a block have a weight, an input and an output gradient each, and GELU its own input; in groups those of
    // layer norm are stored too.
    const blocks = numerics.noise.rows.filter(({ name }) => name.startsWith('h.'));
    const { roles, quantization, masterRounding } = tensors.recipe;
    const narrowed = roles.weight !== 'f32' && roles.master === 'f32' && masterRounding === 'nearest';
    const inFp8 = fp8Activations === '1x16' ? 15 : 13;
    expect(blocks.length / config.layers).toBe(quantization ? inFp8 : narrowed ? 4 : 0);
  },
);

test('the cost is the extra time of probed steps, spread over the interval', () => {
  const cost = new ProbeCost();
  let now = 0;
  const steps = (probed: boolean, ms: number, count: number) => {
    for (let i = 0; i < count; i++) {
      now += ms;
      cost.stepArrived(probed, now);
    }
  };
  steps(false, 10, 20);
  expect(cost.share(20)).toBeNull();
  steps(true, 500, 1); // compiles on first use
  expect(cost.share(20)).toBeNull();
  cost.interrupt(); // an evaluation
  now += 4000;
  steps(false, 10, 20);
  steps(true, 15, 2);
  expect(cost.share(20)).toBeNull(); // too few to tell from noise
  steps(true, 15, 1);
  expect(cost.share(20)).toBeCloseTo(5 / 205);
  expect(cost.share(5)).toBeCloseTo(5 / 55);
});
