/** Settings that make f16 and bf16 work without masters: what is refused, and what a parameter takes. */
import { describe, expect, test } from 'vitest';
import { configure } from '../../src/engine/config/configure.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { checkConfig, scalingOf, type TrainConfig } from '../../src/engine/config/trainConfig.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { recipeFor } from '../../src/engine/precision/recipes.ts';
import { thrownBy } from './thrownBy.ts';

const SMOKE = PRESETS.smoke.config;
const config = (overrides: Partial<TrainConfig>): TrainConfig => ({ ...SMOKE, ...overrides });

describe('refused by name, with what is possible instead', () => {
  test.each([
    [
      { precision: 'fp16', master: 'kahan' },
      /Mode fp16 .*master kahan was given/,
      /Use fp16-pure or bf16-pure/,
    ],
    [{ precision: 'bf16-sr', master: 'kahan' }, /Mode bf16-sr .*master kahan/, /fp16-pure or bf16-pure/],
    [{ sums: 'fx64', skip: 'tensor' }, /sums is fx64, but skip is tensor/, /skip step, or sums f32/],
    [{ precision: 'fp16', lossScaling: 'compound' }, /Mode fp16 .*loss-scaling compound/, /Use fp16-pure/],
    [
      { precision: 'fp16-pure', lossScaling: 'compound', optimizer: 'lion' },
      /optimizer is lion/,
      /Use optimizer adamw or stable-adamw/,
    ],
    [
      { precision: 'fp16-pure', lossScaling: 'compound', optimizer: 'muon' },
      /optimizer is muon/,
      /adamw or stable-adamw/,
    ],
    [
      { precision: 'fp16-pure', lossScale: 1024 },
      /only with loss-scaling compound/,
      /Give loss-scaling compound/,
    ],
    [
      { precision: 'fp32', optimizer: 'lion', optimState: 'f16-h' },
      /lion does not support .*f16-h/,
      /f32 or bf16/,
    ],
    [
      { precision: 'fp8', smoothSwiglu: 'token' },
      /smooth-swiglu token scales the product of a gated MLP, and mlp is gelu/,
      /Use mlp swiglu or geglu/,
    ],
    [
      { precision: 'bf16', mlp: 'swiglu', smoothSwiglu: 'channel' },
      /Mode bf16 does not quantise/,
      /Use fp8 or fp8-delayed/,
    ],
    [
      { precision: 'fp16-pure', optimState: 'fp8-e4m3-e5m2' },
      /fp8-e4m3-e5m2 needs f32 master weights/,
      /any but fp16-pure/,
    ],
  ] satisfies readonly (readonly [Partial<TrainConfig>, RegExp, RegExp])[])(
    '%o',
    (overrides, message, hint) => {
      const error = thrownBy(() => checkConfig(config(overrides)));
      expect(error).toMatchObject({
        code: 'BAD_VALUE',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      });
    },
  );

  test('and what goes together is taken', () => {
    const all = {
      precision: 'fp16-pure',
      master: 'kahan',
      optimState: 'f16-h',
      lossScaling: 'compound',
    } as const;
    checkConfig(configure(SMOKE, { ...all, lossScale: 2 ** 10 }));
    expect(scalingOf(config(all))).toMatchObject({ kind: 'dynamic', initialScale: 2 ** 13, compound: true });
    expect(recipeFor(config(all)).storage('master')).toEqual({ format: 'f16', rounding: 'compensated' });
    checkConfig(config({ precision: 'bf16-pure', master: 'kahan', optimizer: 'muon' }));
  });
});

test('bytes of a parameter: weights with and without compensation, and states', () => {
  const bytes = (overrides: Partial<TrainConfig>) => memoryPlan(config(overrides), 80).bytes;
  const { masterWeights: f32, optimizer: moments } = bytes({ precision: 'fp32' });
  for (const precision of ['fp16-pure', 'bf16-pure'] as const) {
    expect(bytes({ precision })).toMatchObject({ masterWeights: f32 / 2, computeWeights: 0 });
    expect(bytes({ precision, master: 'kahan' })).toMatchObject({ masterWeights: f32, computeWeights: 0 });
  }
  expect(bytes({ precision: 'fp32', optimState: 'f16-h' }).optimizer).toBe(moments / 2);
  // And 32 bytes a parameter tensor.
  const eight = bytes({ precision: 'fp32', optimState: 'fp8-e4m3-e5m2' }).optimizer;
  expect(eight).toBeGreaterThan(moments / 4);
  expect(eight).toBeLessThan(moments / 4 + 100 * 32);
});
