import { expect, test } from 'vitest';
import { PRECISION_MODES, recipeOf } from '../../src/engine/precision/recipes.ts';

test('fp16-tf32 is fp16 under another name, and says why', () => {
  const { id, title, summary, ...rest } = recipeOf('fp16-tf32');
  const { id: _id, title: _title, summary: _summary, ...fp16 } = recipeOf('fp16');
  expect(rest).toEqual(fp16);
  expect([id, title]).toEqual(['fp16-tf32', 'Mixed f16 + TF32']);
  expect(summary).toMatch(/^Alias of fp16: .*none is left/);
});

test('modes have the order of the table, which menus show, and each its own name', () => {
  expect(PRECISION_MODES.slice(0, 5)).toEqual(['fp32', 'tf32', 'fp16', 'fp16-tf32', 'fp16-static']);
  expect(PRECISION_MODES.map((id) => recipeOf(id).id)).toEqual(PRECISION_MODES);
  expect(new Set(PRECISION_MODES.map((id) => recipeOf(id).title)).size).toBe(PRECISION_MODES.length);
});
