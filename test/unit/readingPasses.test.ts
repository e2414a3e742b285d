/** What sampling and evaluation of a given model plan: rows that do not depend on each other, and nothing of training. */
import { describe, expect, test } from 'vitest';
import { presetOf } from '../../src/engine/config/presets.ts';
import { blockScalesOf, scaleOf } from '../../src/engine/gpu/tensor.ts';
import { forwardTensors } from '../../src/engine/model/forwardTensors.ts';
import { planGeneration } from '../../src/engine/model/generation.ts';
import { planScoring } from '../../src/engine/model/scoring.ts';
import { DEFAULT_LIMITS } from '../../src/engine/model/tensors.ts';
import { PRECISION_MODES, recipeFor, recipeOf } from '../../src/engine/precision/recipes.ts';
import { sharesScales, withRowScales } from '../../src/engine/precision/rowScales.ts';

const SMOKE = presetOf('smoke').config;

test('modes with a scale per tensor are those whose rows get one each', () => {
  const named = PRECISION_MODES.filter((mode) => sharesScales(recipeOf(mode)));
  expect(named).toEqual(['fp8', 'fp8-delayed', 'nvfp4']);
  for (const mode of named) expect(sharesScales(withRowScales(recipeOf(mode)))).toBe(false);
});

test.each(PRECISION_MODES)('%s: only scales that rows share change', (mode) => {
  const [training, rows] = [recipeOf(mode), withRowScales(recipeOf(mode))];
  const site = { block: 0, blocks: 2 };
  for (const role of ['activation', 'preActivation', 'normInput', 'attention', 'weight'] as const) {
    const [before, after] = [training.storage(role, site), rows.storage(role, site)];
    expect({ ...after, scales: null }).toEqual({ ...before, scales: null });
    if (role === 'weight' || !before.scales) {
      expect(after).toEqual(before);
      continue;
    }
    const own = before.scales.at(-1)!;
    const length =
      typeof own.per === 'object' &&
      ('contraction' in own.per ? own.per.contraction : 'block' in own.per && own.per.block);
    // Blocks along a row do not depend on other rows. Without a scale of the tensor they are no E4M3.
    if (length)
      expect(after.scales).toEqual([
        { ...own, per: { block: length }, as: own.as === 'e4m3' ? 'f32' : own.as },
      ]);
    else expect(after.scales).toEqual([{ ...before.scales[0], per: 'row', when: 'current' }]);
  }
});

test('settings of a run stay: blocks keep their scales, and the head its rows', () => {
  const recipe = withRowScales(
    recipeFor({ precision: 'fp8', quantizeHead: true, quantizeActivations: '1x16' }),
  );
  const storage = (role: 'normInput' | 'activation', block: number | null) =>
    recipe.storage(role, { block, blocks: 2 }).scales?.map(({ per }) => per);
  expect(storage('normInput', 0)).toEqual([{ block: 16 }]);
  expect(storage('activation', null)).toEqual(['row']);
});

describe.each([
  ...(['fp32', 'fp16', 'fp8', 'fp8-delayed', 'fp8-row', 'int8-q', 'int8-all', 'bf16-split'] as const),
  ...(['fp8-block', 'nvfp4'] as const),
])('%s', (precision) => {
  const config = { ...SMOKE, precision, context: 80 };
  const weights = forwardTensors(config, 65, DEFAULT_LIMITS);

  test('the weights of a model that only predicts have no gradients and no optimizer states', () => {
    const categories = new Set(weights.planned.map(({ category }) => category));
    expect(categories).not.toContain('gradients');
    expect(categories).not.toContain('optimizer');
    for (const { rule, gradient } of weights.chunks) expect([rule, gradient]).toEqual([null, undefined]);
  });

  test('its passes plan no gradients, and no scale that rows share', () => {
    const { planned, chunkPass, tokenPass, chunk } = planGeneration(weights);
    const scoring = planScoring(weights);
    expect([chunk, chunkPass.rows, tokenPass.rows, scoring.windows]).toEqual([64, 64, 1, 6]);
    for (const { tensor, category } of [...planned, ...scoring.planned]) {
      expect(['activations', 'logits', 'batch', 'state'], tensor.name).toContain(category);
      expect(tensor.name).not.toMatch(/gradient/);
    }
    for (const { operand } of [...chunkPass.stores, ...tokenPass.stores, ...scoring.pass.stores]) {
      expect(scaleOf(operand)).toBeUndefined();
      expect(blockScalesOf(operand)?.columns).toBeUndefined();
    }
  });

  test('the cache holds keys and values of every block and token', () => {
    const { planned } = planGeneration(weights);
    const cache = planned.filter(({ tensor }) => tensor.name.includes('keys and values'));
    expect(cache).toHaveLength(config.layers);
    for (const { tensor } of cache) expect(tensor.elements).toBe(2 * config.context * config.width);
  });
});
