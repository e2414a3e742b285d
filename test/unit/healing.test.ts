/** The last steps of runs in 4 bits, with operands in bf16: what they store, when they begin, and what is refused. */
import { describe, expect, test } from 'vitest';
import { presetOf } from '../../src/engine/config/presets.ts';
import { checkConfig } from '../../src/engine/config/trainConfig.ts';
import { byteLength, formatOf } from '../../src/engine/gpu/tensor.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { TensorPlan } from '../../src/engine/model/tensorPlan.ts';
import { runTensors } from '../../src/engine/model/tensors.ts';
import { healedRecipe, PRECISION_MODES } from '../../src/engine/precision/recipes.ts';
import { phaseAfter, phasesOf } from '../../src/engine/train/phases.ts';
import { thrownBy } from './thrownBy.ts';

const CONFIG = { ...presetOf('smoke').config, precision: 'nvfp4', steps: 50, warmup: 0 } as const;
const LIMITS = { maxBindingBytes: 2 ** 27 };

describe('the recipe of the last steps', () => {
  test.each(['nvfp4', 'mxfp4'] as const)('%s has that of bf16 in every block', (precision) => {
    const healed = healedRecipe({ ...CONFIG, precision, heal: 0.2 })!;
    for (const role of ['activation', 'weight', 'outputGradient', 'attention', 'preActivation'] as const)
      for (const block of [0, 3])
        expect(healed.storage(role, { block, blocks: 4 })).toEqual({ format: 'bf16' });
    expect(healed.storage('master')).toEqual({ format: 'f32' });
    expect(healedRecipe({ ...CONFIG, precision, heal: 0 })).toBeNull();
  });

  test('keeps how masters are stored', () => {
    const healed = healedRecipe({ ...CONFIG, heal: 0.2, master: 'fx64' })!;
    expect(healed.storage('master').rounding).toBe('fixed');
  });
});

test.each([
  [0.18, 50, 41],
  [0.5, 7, 3],
  [0.01, 50, 49],
])('with heal %d of %d steps, they follow step %d', (heal, steps, before) => {
  const tensors = runTensors({ ...CONFIG, heal, steps }, 65, LIMITS);
  const phases = phasesOf(tensors, { heal, steps });
  expect(phases.map((phase) => phase.before)).toEqual([0, before]);
  expect(phaseAfter(phases, before - 1).tensors).toBe(tensors);
  expect(phaseAfter(phases, before).tensors).toBe(tensors.healed);
});

test('the plan has the tensors of both, and shares those of one format', () => {
  const bytesOf = (config: Parameters<typeof memoryPlan>[0]) => memoryPlan(config, 65).bytes;
  const [plain, healed, bf16] = [
    bytesOf(CONFIG),
    bytesOf({ ...CONFIG, heal: 0.2 }),
    bytesOf({ ...CONFIG, precision: 'bf16' }),
  ];
  for (const same of ['masterWeights', 'gradients', 'optimizer', 'logits', 'batch'] as const)
    expect(healed[same]).toBe(plain[same]);
  expect(healed.activations).toBeGreaterThan(plain.activations);
  expect(healed.activations).toBeLessThan(plain.activations + bf16.activations);
  expect(healed.computeWeights).toBeGreaterThan(plain.computeWeights);
  const { tensors } = memoryPlan({ ...CONFIG, heal: 0.2 }, 65);
  const names = tensors.planned.map(({ tensor }) => tensor.name);
  expect(new Set(names).size).toBe(names.length);
  expect(tensors.planned.reduce((sum, { tensor }) => sum + byteLength(tensor), 0)).toBe(healed.total);
  const stored = tensors.healed!.training.stores.map(({ operand }) => formatOf(operand));
  expect(new Set(stored)).toEqual(new Set(['bf16', 'f32']));
});

test('a view of a plan shares a tensor of one format, and gives another a name of its own', () => {
  const plan = new TensorPlan();
  const [a, b] = [plan.add('state', 'a', 'f32', 4), plan.add('state', 'b', 'bf16', 4)];
  const view = plan.beside('later');
  expect(view.add('state', 'a', 'f32', 8)).toBe(a);
  expect(a.elements).toBe(8);
  const other = view.add('state', 'b', 'f32', 4);
  expect(other).not.toBe(b);
  expect(other.name).toBe('b, later');
  expect(view.add('state', 'b', 'f32', 4)).toBe(other);
  expect(plan.planned.map(({ tensor }) => tensor)).toEqual([a, b, other]);
});

describe('refused by name', () => {
  test.each([
    [{ heal: 0.001 }, 'heal 0.001 of 50 steps is less than half a step.', 'larger share'],
    [{ heal: 0.9, steps: 1 }, 'heal 0.9 of 1 steps is all of them.', 'precision bf16'],
    [{ heal: 1 }, 'heal is 1', '0.9'],
    [{ heal: 0.2, precision: 'fp8' }, 'Mode fp8 has no operands in 4 bits, but heal 0.2', 'mxfp4 or nvfp4'],
  ] as const)('%o', (overrides, message, hint) => {
    const error = thrownBy(() => checkConfig({ ...CONFIG, ...overrides }));
    expect(error.message).toContain(message);
    expect(`${error.message} ${error.hint}`).toContain(hint);
  });

  test('in no other mode than those of 4 bits', () => {
    const takes = PRECISION_MODES.filter((precision) => healedRecipe({ ...CONFIG, precision, heal: 0.2 }));
    expect(takes).toEqual(['mxfp4', 'nvfp4']);
  });
});
