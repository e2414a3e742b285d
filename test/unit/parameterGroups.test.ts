/** Parameters that are updated by different rules, and those that are not trained at all. */
import { describe, expect, test } from 'vitest';
import { presetOf } from '../../src/engine/config/presets.ts';
import type { TrainConfig } from '../../src/engine/config/trainConfig.ts';
import { type Operation, type Target, tensorsOf } from '../../src/engine/gpu/operation.ts';
import { byteLength, type Tensor, type TensorSlice, tensorOf } from '../../src/engine/gpu/tensor.ts';
import { buildNumerics } from '../../src/engine/inspect/schedule.ts';
import { BINS } from '../../src/engine/kernels/numerics.ts';
import { rulesOf } from '../../src/engine/kernels/optimizers/rules.ts';
import { layoutParameters, type UpdateRule } from '../../src/engine/model/chunks.ts';
import { parameterSpecs } from '../../src/engine/model/decoder.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { gradientRows } from '../../src/engine/model/numericsRows.ts';
import { stateEntries } from '../../src/engine/model/runState.ts';
import { buildSchedule } from '../../src/engine/model/schedule.ts';
import { DEFAULT_LIMITS } from '../../src/engine/model/tensors.ts';
import { placedUpdate, planUpdates } from '../../src/engine/model/updates.ts';
import { momentsOf } from '../../src/engine/precision/optimStates.ts';
import { recipeOf } from '../../src/engine/precision/recipes.ts';

const CONFIG: TrainConfig = { ...presetOf('smoke').config, precision: 'fp32', layers: 2, batch: 2 };
const TARGET: Target = {
  ...{ half: 'packed', subgroup: null, lanes: 64, matmul: 'register32', attention: 'register' },
  ...{ matrixShapes: [], splitSums: true },
};

function written(operations: readonly Operation[]): Set<Tensor> {
  const operands = operations.flatMap((operation) => {
    if (operation.kind === 'dispatch') return operation.writes.map((name) => operation.bindings[name]!);
    return [operation.kind === 'copy' ? operation.to : operation.target];
  });
  return new Set(operands.map(tensorOf));
}

describe.each([
  ['fp32', 'adamw', 'f32'],
  ['fp16', 'stable-adamw', 'fp8'],
  ['fp8', 'adamw', 'fp8-lm'],
  ['bf16-split', 'adamw', 'bf16'],
] as const)('frozen parameters in %s with %s and states in %s', (precision, optimizer, optimState) => {
  const config: TrainConfig = { ...CONFIG, precision, optimizer, optimState };
  const frozenNames = [
    ...['wte.weight', 'h.0.ln_1.weight', 'h.0.ln_2.weight', 'h.0.ln_2.bias', 'h.1.ln_1.bias'],
    ...['h.0.attn.c_attn.weight', 'h.1.attn.c_attn.bias', 'h.1.mlp.c_proj.weight', 'h.1.mlp.c_proj.bias'],
  ];
  const frozen = (name: string) => frozenNames.includes(name);
  const plan = (limits = {}) => memoryPlan(config, 65, { ...DEFAULT_LIMITS, ...limits });
  const { tensors, bytes } = plan({ frozen });
  const operations = buildSchedule(TARGET, tensors, config);
  const all = Object.values(operations).flat();

  test('have masters of their own, and no gradient, no state and no row of gradients', () => {
    const whole = plan();
    expect(tensors.parameters.size).toBe(whole.tensors.parameters.size);
    for (const [name, { rule, parts }] of tensors.parameters) {
      expect(rule === null, name).toBe(frozen(name));
      for (const { gradient, states, chunk } of parts) {
        expect(gradient === undefined, name).toBe(frozen(name));
        expect(Object.keys(states), name).toEqual(frozen(name) ? [] : ['m', 'v']);
        expect(tensors.chunks[chunk]!.rule).toBe(rule);
      }
    }
    const trained = [...tensors.parameters.keys()].filter((name) => !frozen(name));
    const names = stateEntries(tensors).map(({ name }) => name);
    for (const prefix of ['adam.m.', 'adam.v.'])
      expect(names.filter((name) => name.startsWith(prefix))).toEqual(trained.map((name) => prefix + name));
    const rows = gradientRows(tensors.specs, tensors.recipe, tensors.training.stores);
    expect(rows.filter(({ kind }) => kind === 'parameterGradient').map(({ name }) => name)).toEqual(trained);
    expect(bytes.gradients).toBeLessThan(whole.bytes.gradients);
    expect(bytes.optimizer).toBeLessThan(whole.bytes.optimizer);
    expect(bytes.masterWeights).toBeGreaterThanOrEqual(whole.bytes.masterWeights);
  });

  test('are not counted where the gradients of the others are', () => {
    const { rows, gradients } = buildNumerics(TARGET, tensors);
    const counted = gradients.flatMap((one) =>
      one.kind === 'dispatch' && one.variant.kernel === 'exponent_histogram' ? [one] : [],
    );
    for (const { label, bindings } of counted) {
      const at = bindings.histogram as TensorSlice;
      const { name } = rows.gradients[at.offset / BINS]!;
      expect(label).toBe(`exponents of ${name}`);
      expect(frozen(name), name).toBe(false);
    }
    expect(counted.length).toBeGreaterThan(0);
  });

  test('are only read, and every tensor that an operation names is planned', () => {
    const stores = written(all);
    const planned = new Set(tensors.planned.map(({ tensor }) => tensor));
    expect([...tensorsOf(all)].filter((tensor) => !planned.has(tensor))).toEqual([]);
    expect(tensors.planned.reduce((sum, { tensor }) => sum + byteLength(tensor), 0)).toBe(bytes.total);
    for (const { rule, master, low } of tensors.chunks) {
      expect(stores.has(master), master.name).toBe(rule !== null);
      if (low) expect(stores.has(low), low.name).toBe(rule !== null);
    }
  });

  test('leave no trace in the micro-batch but the missing gradients', () => {
    const whole = buildSchedule(TARGET, plan().tensors, config);
    const labels = (list: readonly Operation[]) =>
      list.flatMap((one) => (one.kind === 'dispatch' ? [one.label] : []));
    const kept = new Set(labels(operations.microBatch));
    const missing = [...new Set(labels(whole.microBatch))].filter((label) => !kept.has(label));
    const gradients = frozenNames.flatMap((name) => [`${name} gradient`, `${name} gradient partial sums`]);
    // A norm sums up gain and bias together, one of them alone where the other is frozen, and nothing where both are.
    const others = missing.filter((label) => !gradients.includes(label)).sort();
    const ofBoth = (norm: string) => `${norm} gain and bias gradient`;
    expect(others).toEqual([
      ofBoth('h.0.ln_1'),
      ofBoth('h.0.ln_2'),
      'h.0.ln_2 partial sums',
      ofBoth('h.1.ln_1'),
    ]);
    expect([...kept]).toContain('h.0.ln_1.bias gradient');
    expect([...kept]).toContain('h.1.ln_1.weight gradient');
    for (const name of frozenNames) expect([...kept]).not.toContain(`${name} gradient`);
  });
});

test('all parameters frozen: refused', () => {
  expect(() => memoryPlan(CONFIG, 65, { ...DEFAULT_LIMITS, frozen: () => true })).toThrow(/nothing to train/);
});

describe('a rule for matrices and another for the rest', () => {
  const recipe = recipeOf('fp32');
  const rule = (...args: Parameters<typeof rulesOf>): UpdateRule => ({
    optimizer: rulesOf(...args).rule,
    moments: momentsOf(recipe, args[1]),
    rateFactor: 1,
    decayFactor: 1,
    apart: false,
  });
  const [matrices, others] = [rule('adamw', 'bf16'), rule('stable-adamw', 'fp8')];
  const specs = parameterSpecs({ ...CONFIG, vocabulary: 65 });
  const layout = layoutParameters(specs, recipe, ({ rows }) => (rows > 1 ? matrices : others), 2 ** 30);

  test('each has chunks of its own, with its own states', () => {
    expect(layout.chunks.map((chunk) => chunk.rule)).toEqual([matrices, others]);
    expect(layout.chunks.map(({ states }) => Object.values(states).map(({ type }) => type))).toEqual([
      ['bf16', 'bf16'],
      ['e4m3fn', 'e4m3fn'],
    ]);
    expect(layout.chunks.map(({ groups }) => groups !== undefined)).toEqual([false, true]);
    expect(layout.chunks.map((chunk) => chunk.decayedElements === chunk.elements)).toEqual([true, false]);
  });

  test('chunks are updated at once or parameter by parameter, as their rule asks', () => {
    const updates = planUpdates(layout);
    const vectors = specs.filter(({ rows }) => rows === 1).map(({ name }) => name);
    expect(updates.map(({ label }) => label)).toEqual(['parameters.0#master', ...vectors]);
    const scratch = new Map(
      ['parameter states', 'parameter statistics'].map((name): [string, Tensor] => [
        name,
        { name, type: 'f32', elements: 2 ** 20 },
      ]),
    );
    const places = updates.slice(1).map((update) => {
      const placed = placedUpdate(update, layout.chunks, scratch, (chunk) => 100 + chunk);
      expect(placed.parts.map(({ seed }) => seed)).toEqual([101]);
      return placed.scratch.get('parameter states')!.first;
    });
    expect(places).toEqual(vectors.map((_, index) => 8 * index));
  });
});
