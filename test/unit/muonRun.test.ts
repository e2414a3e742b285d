/** A run with Muon: which parameters it updates, what it plans, and which settings it takes. */
import { describe, expect, test } from 'vitest';
import { configure } from '../../src/engine/config/configure.ts';
import { presetOf } from '../../src/engine/config/presets.ts';
import { checkConfig, type TrainConfig } from '../../src/engine/config/trainConfig.ts';
import { type Dispatch, type Target, tensorsOf, uniformOf } from '../../src/engine/gpu/operation.ts';
import { byteLength } from '../../src/engine/gpu/tensor.ts';
import { adamwRule } from '../../src/engine/kernels/optimizers/adamw.ts';
import { matricesOf, muonRule } from '../../src/engine/kernels/optimizers/muon.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { optimizer } from '../../src/engine/model/optimizer.ts';
import { stateEntries } from '../../src/engine/model/runState.ts';
import { DEFAULT_LIMITS } from '../../src/engine/model/tensors.ts';

const SMOKE = presetOf('smoke').config;
const CONFIG: TrainConfig = { ...SMOKE, precision: 'fp32', layers: 2, batch: 2, optimizer: 'muon' };
const TARGET: Target = {
  ...{ half: 'packed', subgroup: null, lanes: 64, matmul: 'register32', attention: 'register' },
  ...{ matrixShapes: [], splitSums: true },
};

describe('parameters', () => {
  const { tensors, bytes } = memoryPlan(CONFIG, 65, DEFAULT_LIMITS);
  const rules = [...tensors.parameters].map(
    ([name, { rule }]) => [name, rule!.optimizer === muonRule] as const,
  );

  test('the matrices of blocks have Muon, in chunks of their own, and the rest AdamW', () => {
    const ofBlock = ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'];
    const wanted = [0, 1].flatMap((block) => ofBlock.map((part) => `h.${block}.${part}.weight`));
    expect(rules.filter(([, isMuon]) => isMuon).map(([name]) => name)).toEqual(wanted);
    expect(tensors.chunks.map(({ states }) => Object.keys(states))).toEqual([['m', 'v'], ['m']]);
    const names = stateEntries(tensors).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['muon.m.h.0.mlp.c_fc.weight', 'adam.v.wte.weight']));
    expect(names).not.toContain('adam.m.h.0.mlp.c_fc.weight');
  });

  test('scratch is planned once for all updates, as large as the largest matrix needs, and not saved', () => {
    const { width } = CONFIG;
    const planned = tensors.planned.filter(({ tensor }) => tensor.name.startsWith('muon '));
    expect(Object.fromEntries(planned.map(({ tensor }) => [tensor.name, tensor.elements]))).toEqual({
      'muon update': 4 * width ** 2,
      'muon update after a step': 4 * width ** 2,
      'muon Gram matrix': width ** 2,
      'muon polynomial of the Gram matrix': width ** 2,
      'muon partial sums': 64,
    });
    expect(planned.every(({ category }) => category === 'state')).toBe(true);
    const operations = optimizer(TARGET, tensors, CONFIG);
    const all = new Set(tensors.planned.map(({ tensor }) => tensor));
    expect([...tensorsOf(operations)].filter((tensor) => !all.has(tensor))).toEqual([]);
    expect(tensors.planned.reduce((sum, { tensor }) => sum + byteLength(tensor), 0)).toBe(bytes.total);
  });

  test('q, k and v are apart, each with the scale of its own shape', () => {
    const updates = (config: TrainConfig) =>
      optimizer(TARGET, memoryPlan(config, 65, DEFAULT_LIMITS).tensors, config).filter(
        (operation): operation is Dispatch =>
          operation.kind === 'dispatch' && operation.variant.kernel === 'muon_update',
      );
    const of = (name: string, config = CONFIG) =>
      updates(config)
        .filter(({ label }) => label === name)
        .map((one) => ['column4', 'columns4', 'stride4', 'scale'].map((key) => uniformOf(one, key)));
    const w4 = CONFIG.width / 4;
    expect(of('h.0.attn.c_attn.weight')).toEqual([0, 1, 2].map((i) => [i * w4, w4, 3 * w4, 1]));
    // (inputs, outputs): a matrix with more outputs than inputs moves further.
    expect(of('h.1.mlp.c_fc.weight')).toEqual([[0, 4 * w4, 4 * w4, 2]]);
    expect(of('h.1.mlp.c_proj.weight')).toEqual([[0, w4, w4, 1]]);
    const rms = { ...CONFIG, muonScale: 'rms' } as const;
    expect(of('h.1.mlp.c_proj.weight', rms)).toEqual([[0, w4, w4, 0.2 * Math.sqrt(4 * CONFIG.width)]]);
  });

  test('narrower matrices of grouped-query heads lie beside the first', () => {
    expect(matricesOf({ rows: 8, columns: 24, sideBySide: [16, 4, 4] })).toEqual([
      { rows: 8, columns: 16, firstColumn: 0, stride: 24 },
      { rows: 8, columns: 4, firstColumn: 16, stride: 24 },
      { rows: 8, columns: 4, firstColumn: 20, stride: 24 },
    ]);
  });

  test('keys and values of grouped-query heads are narrower, and gate and up are apart', () => {
    const llama = { norm: 'rmsnorm', position: 'rope', biases: 'none', mlp: 'swiglu' } as const;
    const config: TrainConfig = { ...CONFIG, ...llama, heads: 4, keyValueHeads: 2, intermediate: 96 };
    const { parameters } = memoryPlan(config, 65, DEFAULT_LIMITS).tensors;
    const { width } = config;
    const of = (name: string) => matricesOf(parameters.get(name)!.spec).map(({ columns }) => columns);
    expect(of('h.0.attn.c_attn.weight')).toEqual([width, width / 2, width / 2]);
    expect(of('h.0.mlp.c_fc.weight')).toEqual([96, 96]);
    const muons = [...parameters.values()].filter(({ rule }) => rule!.optimizer === muonRule);
    expect(muons.every(({ spec }) => spec.block !== null && spec.rows > 1)).toBe(true);
    expect(muons).toHaveLength(8);
  });

  test('other optimizers have one rule', () => {
    const { tensors: whole } = memoryPlan({ ...CONFIG, optimizer: 'adamw' }, 65, DEFAULT_LIMITS);
    const [rule, ...others] = new Set([...whole.parameters.values()].map((parameter) => parameter.rule));
    expect(others).toEqual([]);
    expect(JSON.stringify(rule!.optimizer)).toBe(JSON.stringify(adamwRule(false)));
  });
});

describe('learning rates', () => {
  const factorOf = (overrides: Partial<TrainConfig>) => {
    const config = configure(SMOKE, { optimizer: 'muon', precision: 'fp32', ...overrides });
    const { parameters } = memoryPlan(config, 65, DEFAULT_LIMITS).tensors;
    return ['h.0.mlp.c_fc.weight', 'wte.weight'].map((name) => parameters.get(name)!.rule!.rateFactor);
  };

  test('the matrices have their own, which follows the schedule of the others', () => {
    expect(factorOf({ learningRate: 1e-3 })).toEqual([20, 1]);
    expect(factorOf({ learningRate: 1e-3, muonLearningRate: 5e-3 })).toEqual([5, 1]);
    expect(factorOf({ learningRate: 1e-3, muonLearningRate: 0 })).toEqual([0, 1]);
  });

  test("with AdamW's root mean square it is AdamW's", () => {
    expect(factorOf({ learningRate: 1e-3, muonScale: 'rms' })).toEqual([1, 1]);
    expect(factorOf({ learningRate: 0, minLearningRate: 0 })).toEqual([0, 1]);
  });

  test('one that could not follow is refused, as are settings that another optimizer does not read', () => {
    const still = { ...CONFIG, learningRate: 0, minLearningRate: 0 };
    expect(() => checkConfig({ ...still, muonLearningRate: 0.01 })).toThrow(/muon-lr is 0.01, but lr is 0/);
    expect(() => checkConfig(still)).not.toThrow();
    expect(() => configure(SMOKE, { muonMomentum: 0.9 })).toThrow(
      /optimizer adamw does not use muon-momentum, but muon-momentum 0.9 was given/,
    );
    expect(() => configure(SMOKE, { optimizer: 'muon', optimState: 'fp8' })).toThrow(
      /Optimizer muon does not support optimizer state fp8/,
    );
  });
});
