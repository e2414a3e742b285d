import { describe, expect, test } from 'vitest';
import { presetOf } from '../../src/engine/config/presets.ts';
import { formatOf, isScaled, type Tensor } from '../../src/engine/gpu/tensor.ts';
import { ScaleTable } from '../../src/engine/model/scales.ts';
import { DEFAULT_LIMITS, runTensors } from '../../src/engine/model/tensors.ts';
import { operands } from '../../src/engine/precision/mixedPrecision.ts';
import { DELAYED_SCALING } from '../../src/engine/precision/quantization.ts';
import {
  copyFormat,
  formatsOf,
  keepsMaster,
  makesCopiesApart,
  RecipeOf,
} from '../../src/engine/precision/recipe.ts';
import {
  PRECISION_MODES,
  type PrecisionMode,
  recipeFor,
  recipeOf,
} from '../../src/engine/precision/recipes.ts';
import type { Role, Storage } from '../../src/engine/precision/storage.ts';

test('fp16-tf32 is fp16 under another name, and says why', () => {
  const { id, title, summary, inPyTorch: _, ...rest } = recipeOf('fp16-tf32');
  const { id: _id, title: _title, summary: _summary, inPyTorch: _inPyTorch, ...fp16 } = recipeOf('fp16');
  expect(rest).toEqual(fp16);
  expect([id, title]).toEqual(['fp16-tf32', 'Mixed f16 + TF32']);
  expect(summary).toMatch(/^Alias of fp16: .*there are none here/);
});

test('modes have the order of the table, which menus show, and each its own name', () => {
  expect(PRECISION_MODES.slice(0, 5)).toEqual(['fp32', 'tf32', 'fp16', 'fp16-tf32', 'fp16-static']);
  expect(PRECISION_MODES.map((id) => recipeOf(id).id)).toEqual(PRECISION_MODES);
  expect(new Set(PRECISION_MODES.map((id) => recipeOf(id).title)).size).toBe(PRECISION_MODES.length);
});

describe('a storage', () => {
  const HEAD = { block: null, blocks: 3 };
  const [first, , last] = [0, 1, 2].map((block) => ({ block, blocks: 3 }));
  const scaled = (format: Storage['format'], from: Storage['from'], when: unknown = 'current') => ({
    ...{ format, from },
    scales: [{ per: 'tensor', as: 'pow2', when }],
  });

  test('is that of the mode everywhere, where no rule names the place', () => {
    const recipe = recipeOf('fp16');
    for (const site of [HEAD, first!, last!])
      expect(recipe.storage('weight', site)).toEqual({ format: 'f16' });
    expect(recipe.storage('gradient')).toEqual({ format: 'f32' });
    expect(recipeOf('bf16-sr').storage('master')).toEqual({ format: 'bf16', rounding: 'stochastic' });
    expect(recipeOf('bf16-split').storage('master')).toEqual({ format: 'bf16', rounding: 'split' });
  });

  test('of the last block is f32 in bf16-last-fp32, of every other place that of bf16', () => {
    const [recipe, bf16, fp32] = [recipeOf('bf16-last-fp32'), recipeOf('bf16'), recipeOf('fp32')];
    for (const role of Object.keys(recipe.storages) as Role[]) {
      expect(recipe.storage(role, last!), role).toEqual(fp32.storage(role, last!));
      for (const site of [HEAD, first!])
        expect(recipe.storage(role, site), role).toEqual(bf16.storage(role, site));
    }
    expect(formatsOf(recipe)).toEqual(['f32', 'bf16']);
  });

  test('of an FP8 mode has a scale of the tensor in the blocks, and with settings in the head or for each 16 channels', () => {
    const [fp8, delayed] = [recipeOf('fp8'), recipeFor({ precision: 'fp8-delayed', scaleMargin: 2 })];
    expect(fp8.storage('activation', first!)).toEqual(scaled('e4m3fn', 'bf16'));
    expect(fp8.storage('outputGradient', last!)).toEqual(scaled('e5m2', 'bf16'));
    expect(fp8.storage('activation', HEAD)).toEqual({ format: 'bf16' });
    expect(fp8.storage('normInput', first!)).toEqual({ format: 'f32' });
    const withMargin = scaled('e4m3fn', 'bf16', { ...DELAYED_SCALING, margin: 2 });
    expect(delayed.storage('activation', first!)).toEqual(withMargin);
    expect(delayed.storage('weight', first!)).toEqual(scaled('e4m3fn', 'f32'));
    const set = recipeFor({ precision: 'fp8', quantizeHead: true, quantizeActivations: '1x16' });
    expect(set.storage('weight', HEAD)).toEqual(scaled('e4m3fn', 'f32'));
    const groups = [{ per: { block: 16 }, as: 'e8m0', when: 'current' }];
    expect(set.storage('normInput', first!)).toEqual({ format: 'e4m3fn', from: 'f32', scales: groups });
    expect(set.storage('preActivation', first!)).toEqual({ format: 'e4m3fn', from: 'bf16', scales: groups });
    expect(set.storage('activation', first!)).toEqual(scaled('e4m3fn', 'bf16'));
  });

  test('of several rules that hold at a place, the last counts', () => {
    const { row } = recipeOf('bf16');
    const recipe = new RecipeOf('two rules', {
      ...row,
      sites: [
        { in: 'blocks', storages: operands('f16') },
        { in: 'last block', storages: { weight: { format: 'f32' } } },
      ],
    });
    const formats = [HEAD, first!, last!].map((site) => recipe.storage('weight', site).format);
    expect(formats).toEqual(['bf16', 'f16', 'f32']);
    expect(recipe.storage('activation', last!).format).toBe('f16');
    // With two formats no one copy of all weights is what matmuls read.
    expect([copyFormat(recipe), makesCopiesApart(recipe)]).toEqual([null, true]);
  });
});

test.each([
  ['fp32', null, false, true],
  ['fp16', 'f16', false, true],
  ['fp16-pure', null, false, false],
  ['bf16-sr', null, false, false],
  ['bf16-split', null, false, true],
  ['bf16-last-fp32', 'bf16', false, true],
  ['fp8', null, true, true],
] as const)(
  '%s: copy of all weights in %s, copies one by one %s, master with all bits %s',
  (mode, copy, apart, whole) => {
    const recipe = recipeOf(mode);
    expect([copyFormat(recipe), makesCopiesApart(recipe), keepsMaster(recipe)]).toEqual([copy, apart, whole]);
  },
);

test('scales of a run are all delayed, those of weights aside, or none is', () => {
  const [current, delayed] = [recipeOf('fp8'), recipeOf('fp8-delayed')];
  const site = { block: 0, blocks: 1 };
  const scaleOf = (table: ScaleTable, recipe: typeof current, role: 'activation' | 'weight') => () =>
    table.scale(role, recipe.storage(role, site), role, site);
  expect(scaleOf(new ScaleTable(DELAYED_SCALING), delayed, 'activation')).not.toThrow();
  expect(scaleOf(new ScaleTable(DELAYED_SCALING), delayed, 'weight')).not.toThrow();
  expect(scaleOf(new ScaleTable(DELAYED_SCALING), current, 'activation')).toThrow(/activation is current/);
  expect(scaleOf(new ScaleTable(null), delayed, 'activation')).toThrow(/activation is delayed/);
});

describe('the plan of bf16-last-fp32', () => {
  const plan = (precision: PrecisionMode, recompute: 'none' | 'gelu-ln' | 'block') =>
    runTensors({ ...presetOf('smoke').config, layers: 3, precision, recompute }, 65, DEFAULT_LIMITS);
  const tensorsOf = (tensors: ReturnType<typeof plan>): Map<string, Tensor> =>
    new Map(tensors.planned.map(({ tensor }) => [tensor.name, tensor]));

  test.each(['none', 'gelu-ln', 'block'] as const)(
    'recompute %s: what blocks keep is that of bf16, in the last block that of fp32; no tensor is in two formats',
    (recompute) => {
      const [mixed, bf16, fp32] = (['bf16-last-fp32', 'bf16', 'fp32'] as const).map((mode) =>
        tensorsOf(plan(mode, recompute)),
      );
      const kept = [...mixed!].filter(([name]) => /^h\.\d\./.test(name));
      expect(kept.some(([name]) => name.startsWith('h.2.'))).toBe(true);
      for (const [name, tensor] of kept)
        expect(tensor, name).toEqual((name.startsWith('h.2.') ? fp32 : bf16)!.get(name));
      // What blocks share, the last one has in f32.
      const others = [...mixed!.values()].filter(({ name }) => !bf16!.has(name));
      expect(others.map(({ type }) => type)).toEqual(others.map(() => 'f32'));
      expect(others.map(({ name }) => name)).toContain('attn.c_attn gradient in f32');
      // The panel has fewer rounding errors to measure.
      const same = [...bf16!].filter(([name]) => !name.startsWith('h.2.') && name !== 'exponent counts');
      for (const [name, tensor] of same) expect(mixed!.get(name), name).toEqual(tensor);
    },
  );

  test('matmuls of the last block read the f32 masters, others the copy', () => {
    const { parameters } = plan('bf16-last-fp32', 'none');
    for (const { spec, parts } of parameters.values()) {
      const narrow = spec.matmul && spec.block !== 2;
      for (const { weight, master } of parts) {
        expect(formatOf(weight), spec.name).toBe(narrow ? 'bf16' : 'f32');
        expect(weight.tensor === master.tensor).toBe(!narrow);
        expect(isScaled(weight)).toBe(false);
      }
    }
  });
});
