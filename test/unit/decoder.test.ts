/** What follows from the options of the one decoder: its parameters and its FLOPs. */
import { describe, expect, it } from 'vitest';
import {
  BIAS_KINDS,
  checkShape,
  GPT2_KINDS,
  type GptConfig,
  MLP_KINDS,
  MLPS,
  mlpWidth,
} from '../../src/engine/config/gptConfig.ts';
import { presetOf } from '../../src/engine/config/presets.ts';
import { gptConfig } from '../../src/engine/config/trainConfig.ts';
import { Decoder, parameterCount, parameterSpecs } from '../../src/engine/model/decoder.ts';
import { thrownBy } from './thrownBy.ts';

const SMALL: GptConfig = {
  ...{ layers: 2, heads: 2, width: 32, context: 16, vocabulary: 128, tied: true },
  ...GPT2_KINDS,
};
const shapesOf = (config: GptConfig, block: string) =>
  parameterSpecs(config)
    .filter(({ name }) => name.startsWith(block))
    .map(({ name, rows, columns }) => `${name.slice(block.length)} ${rows}x${columns}`);

describe('the MLP', () => {
  it.each([
    ['gelu', 128, 512],
    ['swiglu', 128, 352],
    ['geglu', 192, 512],
    ['swiglu', 64, 192],
  ] as const)('%s at width %i is %i wide by default', (mlp, width, wanted) => {
    expect(mlpWidth({ mlp, width, intermediate: null })).toBe(wanted);
    expect(mlpWidth({ mlp, width, intermediate: 172 })).toBe(172);
  });

  it('has twice the outputs in its first layer if it is gated, gate and then up', () => {
    for (const mlp of MLP_KINDS) {
      const config = { ...SMALL, mlp, intermediate: 44 };
      const outputs = MLPS[mlp].gated ? 88 : 44;
      expect(shapesOf(config, 'h.1.mlp.')).toEqual([
        `c_fc.weight 32x${outputs}`,
        `c_fc.bias 1x${outputs}`,
        'c_proj.weight 44x32',
        'c_proj.bias 1x32',
      ]);
    }
  });

  it('is refused at a width that is no multiple of 4, with the nearest that is', () => {
    expect(thrownBy(() => checkShape({ ...SMALL, intermediate: 170 }))).toMatchObject({
      code: 'BAD_SHAPE',
      message: 'intermediate is 170, which is not divisible by 4.',
      hint: 'Tensors are stored four elements at a time. Use 172.',
    });
  });
});

it('biases are those of the kind, and layer norm keeps its own', () => {
  const biased = Object.fromEntries(
    BIAS_KINDS.map((biases) => [
      biases,
      parameterSpecs({ ...SMALL, biases })
        .filter(({ name }) => name.startsWith('h.0.') && name.endsWith('.bias'))
        .map(({ name }) => name.slice(4)),
    ]),
  );
  expect(biased).toEqual({
    all: [
      'ln_1.bias',
      'attn.c_attn.bias',
      'attn.c_proj.bias',
      'ln_2.bias',
      'mlp.c_fc.bias',
      'mlp.c_proj.bias',
    ],
    qkv: ['ln_1.bias', 'attn.c_attn.bias', 'ln_2.bias'],
    none: ['ln_1.bias', 'ln_2.bias'],
  });
});

describe('models of known size', () => {
  const llama: GptConfig = {
    ...SMALL,
    ...{ norm: 'rmsnorm', position: 'rope', mlp: 'swiglu', biases: 'none', tied: false, context: 2048 },
  };

  it.each([
    ['Llama 2 7B', { layers: 32, width: 4096, heads: 32, intermediate: 11_008 }, 6_738_415_616],
    ['Llama 2 13B', { layers: 40, width: 5120, heads: 40, intermediate: 13_824 }, 13_015_864_320],
    [
      'Llama 2 70B',
      { layers: 80, width: 8192, heads: 64, keyValueHeads: 8, intermediate: 28_672 },
      68_976_648_192,
    ],
    [
      'Llama 3 8B',
      { layers: 32, width: 4096, heads: 32, keyValueHeads: 8, intermediate: 14_336, vocabulary: 128_256 },
      8_030_261_248,
    ],
    [
      'TinyLlama',
      { layers: 22, width: 2048, heads: 32, keyValueHeads: 4, intermediate: 5632 },
      1_100_048_384,
    ],
  ] as const)('%s', (_, shape, wanted) => {
    expect(parameterCount({ ...llama, vocabulary: 32_000, ...shape })).toBe(wanted);
  });

  it.each([
    ['starter', 'llama-tiny'],
    ['small', 'llama-small'],
  ] as const)('%s and %s have as many parameters, but for 2 %%', (preset, other) => {
    const of = (name: 'starter' | 'llama-tiny' | 'small' | 'llama-small') => {
      const config = gptConfig(presetOf(name).config, 80);
      return parameterCount(config) - (config.position === 'learned' ? config.context * config.width : 0);
    };
    expect(Math.abs(of(other) / of(preset) - 1)).toBeLessThan(0.02);
  });
});

describe('FLOPs a token', () => {
  const flops = (config: GptConfig) => new Decoder(config).flopsPerToken;

  it('are 6 for each element of a matrix that multiplies, and the causal half of attention', () => {
    const { layers, width: C, context: T, vocabulary: V } = SMALL;
    expect(flops(SMALL)).toBe(6 * (layers * 12 * C * C + V * C) + 6 * layers * C * T);
    // Three matrices of C x I.
    const gated = { ...SMALL, mlp: 'swiglu', intermediate: 44 } as const;
    expect(flops(gated)).toBe(6 * (layers * (4 * C * C + 3 * C * 44) + V * C) + 6 * layers * C * T);
  });

  it('and parameters of a gated MLP of the default width are about those of the plain one', () => {
    for (const width of [128, 192, 384, 768]) {
      const of = (mlp: GptConfig['mlp']) => parameterCount({ ...SMALL, width, mlp });
      expect(Math.abs(of('swiglu') / of('gelu') - 1)).toBeLessThan(0.03);
    }
  });
});
