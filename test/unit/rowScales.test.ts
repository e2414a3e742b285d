/** A run whose operands have a scale for each row: what is planned and dispatched, of a recipe that no mode has. */
import { expect, test, vi } from 'vitest';
import { presetOf } from '../../src/engine/config/presets.ts';
import { assemble } from '../../src/engine/gpu/shaders.ts';
import { blockScalesOf, isScaled, type Operand, tensorOf } from '../../src/engine/gpu/tensor.ts';
import { buildSchedule } from '../../src/engine/model/schedule.ts';
import { runTensors } from '../../src/engine/model/tensors.ts';
import { mixed } from '../../src/engine/precision/mixedPrecision.ts';
import { RecipeOf, type RecipeRow, type SiteRule } from '../../src/engine/precision/recipe.ts';
import type { Storage } from '../../src/engine/precision/storage.ts';

const byRow = (format: Storage['format'], from: Storage['format']): Storage => ({
  format,
  from,
  scales: [{ per: 'row', as: 'pow2', when: 'current' }],
});

vi.mock('../../src/engine/precision/recipes.ts', async (original) => ({
  ...(await original<object>()),
  recipeFor: () => recipe,
}));

function recipeWith(...sites: RecipeRow['sites'] & object): RecipeOf<'fp8'> {
  const words = { title: 'rows', summary: 'A scale for each row.' };
  return new RecipeOf('fp8', {
    ...words,
    storages: mixed('bf16'),
    sites,
    scaling: { kind: 'none' },
    unsound: false,
  });
}

const IN_BLOCKS: SiteRule = {
  in: 'blocks',
  storages: {
    activation: byRow('e4m3fn', 'bf16'),
    weight: byRow('e4m3fn', 'f32'),
    outputGradient: byRow('e5m2', 'bf16'),
    preActivation: byRow('e4m3fn', 'bf16'),
  },
};
let recipe = recipeWith(IN_BLOCKS);
const CONFIG = { ...presetOf('smoke').config, precision: 'fp8', layers: 2 } as const;
const LIMITS = { maxBindingBytes: 2 ** 27 };

const TARGET = {
  half: 'packed',
  subgroup: null,
  lanes: 64,
  matmul: 'register8',
  attention: 'register',
  matrixShapes: [],
  splitSums: false,
} as const;

test('every quantised operand has a scale for each of its rows, and there is no table of scales', async () => {
  const tensors = runTensors(CONFIG, 64, LIMITS);
  expect(tensors.scales).toBeUndefined();
  const { microBatch, optimizer } = buildSchedule(TARGET, tensors, CONFIG);
  const quantised = new Map<string, number>();
  const variants = new Map<string, Parameters<typeof assemble>[0]>();
  for (const operation of [...microBatch, ...optimizer]) {
    if (operation.kind !== 'dispatch') continue;
    const { variant, bindings } = operation;
    const scaled = Object.entries(bindings).filter(([, operand]) => isScaled(operand));
    for (const [, operand] of scaled as [string, Operand][]) {
      quantised.set(tensorOf(operand).name, blockScalesOf(operand)!.block!);
    }
    if (scaled.length > 0) variants.set(JSON.stringify(variant), variant);
  }
  for (const variant of variants.values()) await assemble(variant);
  expect(Object.fromEntries([...quantised].sort())).toMatchInlineSnapshot(`
    {
      "attn operand": 64,
      "h.0.attn.c_attn.weight#compute": 192,
      "h.0.attn.c_proj.weight#compute": 64,
      "h.0.ln_1": 64,
      "h.0.ln_2": 64,
      "h.0.mlp.c_fc": 256,
      "h.0.mlp.c_fc.weight#compute": 256,
      "h.0.mlp.c_proj.weight#compute": 64,
      "h.0.mlp.gelu": 256,
      "h.1.attn.c_attn.weight#compute": 192,
      "h.1.attn.c_proj.weight#compute": 64,
      "h.1.ln_1": 64,
      "h.1.ln_2": 64,
      "h.1.mlp.c_fc": 256,
      "h.1.mlp.c_fc.weight#compute": 256,
      "h.1.mlp.c_proj.weight#compute": 64,
      "h.1.mlp.gelu": 256,
      "output gradient operand": 64,
      "output gradient operand in e5m2 with a scale for each 192": 192,
      "output gradient operand in e5m2 with a scale for each 256": 256,
    }
  `);
});

test('refused are scales of rows of logits gradients, which are cut by rows and by tokens', () => {
  recipe = recipeWith(IN_BLOCKS, { in: 'head', storages: { outputGradient: byRow('e5m2', 'bf16') } });
  expect(() => runTensors(CONFIG, 64, LIMITS)).toThrow(
    new RangeError('lm_head dY was planned without scales of rows or blocks'),
  );
});
