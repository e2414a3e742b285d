/** muP: what it makes of initial values, learning rates and attention's scale. */
import { describe, expect, test } from 'vitest';
import { exportedFamily } from '../../src/engine/checkpoint/families.ts';
import { attentionScale } from '../../src/engine/config/mup.ts';
import { presetOf } from '../../src/engine/config/presets.ts';
import { gptConfig, type TrainConfig } from '../../src/engine/config/trainConfig.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { initialValues } from '../../src/engine/model/parameters.ts';

const BASE = 64;
const CONFIG: TrainConfig = {
  ...presetOf('smoke').config,
  ...{ precision: 'fp32', layers: 2, heads: 4, width: 256, mupBase: BASE },
};

/** By name: standard deviation or value at the start, and factors of the learning rate and of what it is multiplied by for decay. */
function groupsOf(config: TrainConfig) {
  const { parameters } = memoryPlan(config, 80).tensors;
  return new Map(
    [...parameters].map(([name, { spec, rule }]) => {
      const { init } = spec;
      return [name, [init.kind === 'normal' ? init.std : init.value, rule!.rateFactor, rule!.decayFactor]];
    }),
  );
}

describe('at four times the base width', () => {
  const own = groupsOf(CONFIG);
  const usual = groupsOf({ ...CONFIG, mupBase: null });

  test('matrices between channels start half as large, move a quarter as fast and decay as others', () => {
    const matrices = [...own].filter(([name]) => /^h\..*(attn|mlp)\..*weight$/.test(name));
    expect(matrices).toHaveLength(8);
    for (const [name, [std, rate, decay]] of matrices) {
      expect(std! / usual.get(name)![0]!, name).toBe(0.5);
      expect(rate, name).toBe(0.25);
      expect(rate! * decay!, name).toBe(1);
    }
  });

  test('the gain of the final norm starts at a quarter, and it and its bias move a quarter as fast', () => {
    expect(own.get('ln_f.weight')).toEqual([0.25, 0.25, 4]);
    expect(own.get('ln_f.bias')).toEqual([0, 0.25, 4]);
  });

  test('embeddings, biases and the norms of blocks are as they are', () => {
    const others = [...own].filter(([name]) => !/weight$/.test(name) || /^w|ln_\d/.test(name));
    expect(others.length).toBeGreaterThan(15);
    for (const [name, group] of others) {
      if (!name.startsWith('ln_f')) expect(group, name).toEqual(usual.get(name));
    }
  });

  test('parameters of one rate share their chunks, and plan and initial values follow', () => {
    const { chunks, parameters } = memoryPlan(CONFIG, 80).tensors;
    expect(chunks.map(({ rule }) => rule!.rateFactor).sort()).toEqual([0.25, 1]);
    const { spec } = parameters.get('h.1.mlp.c_fc.weight')!;
    const values = initialValues(spec, 1);
    const std = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    // Within 4 standard deviations of the estimate, std / sqrt(2 n).
    expect(Math.abs(std - 0.01)).toBeLessThan((4 * 0.01) / Math.sqrt(2 * values.length));
  });
});

test('at the base width nothing but attention can differ from GPT-2', () => {
  const base = { ...CONFIG, width: BASE };
  expect(groupsOf(base)).toEqual(groupsOf({ ...base, mupBase: null }));
});

test('Lion has the rates of AdamW; a spectral step of Muon has the same at any width, one by root mean square has not', () => {
  const rate = (change: Partial<TrainConfig>) => {
    const { parameters } = memoryPlan({ ...CONFIG, ...change }, 80).tensors;
    return (name: string) => parameters.get(name)!.rule!.rateFactor;
  };
  expect(rate({ optimizer: 'lion' })('h.0.mlp.c_fc.weight')).toBe(0.25);
  for (const [muonScale, factor] of [['spectral', 1] as const, ['rms', 0.25] as const]) {
    const muP = rate({ optimizer: 'muon', muonScale });
    const without = rate({ optimizer: 'muon', muonScale, mupBase: null });
    expect(muP('h.0.mlp.c_fc.weight') / without('h.0.mlp.c_fc.weight')).toBe(factor);
    expect(muP('ln_f.weight')).toBe(0.25);
  }
});

test('attention is scaled by 8 / D, which is 1 / sqrt(D) for heads of 64 channels alone', () => {
  const scale = (heads: number, mupBase: number | null = BASE) =>
    attentionScale(gptConfig({ ...CONFIG, heads, mupBase }, 80));
  expect(scale(4)).toBe(1 / 8);
  expect(scale(16)).toBe(1 / 2);
  expect(scale(2)).toBe(1 / 16);
  expect(scale(16, null)).toBe(1 / 4);
});

test('a model whose attention has another scale is not exported as one of a family, and says why', () => {
  const of = (heads: number) => exportedFamily(gptConfig({ ...CONFIG, heads }, 80));
  expect(of(4)).toBe('gpt2');
  expect(() => of(16)).toThrow('With mup 64 attention scores are multiplied by 8 / 16');
});
