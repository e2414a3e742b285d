/** What follows from the options of a decoder's blocks: parameters and work. */
import { expect, test } from 'vitest';
import type { GptConfig } from '../../src/engine/config/gptConfig.ts';
import { presetOf } from '../../src/engine/config/presets.ts';
import { Decoder, parameterCount, parameterSpecs } from '../../src/engine/model/decoder.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { llamaConfig } from '../gpu/kernels/decoderConfig.ts';

const shapesOf = (config: GptConfig) =>
  new Map(parameterSpecs(config).map(({ name, rows, columns }) => [name, [rows, columns]]));

test('heads of their own size, shared keys and values, and QK-norm have their parameters, without biases', () => {
  const config = llamaConfig({ heads: 4, keyValueHeads: 2, headSize: 16, qkNorm: true, biases: 'none' });
  const shapes = shapesOf(config);
  const inAttention = [...shapes].filter(([name]) => name.startsWith('h.0.attn.'));
  expect(Object.fromEntries(inAttention)).toEqual({
    'h.0.attn.c_attn.weight': [32, (4 + 2 * 2) * 16],
    'h.0.attn.q_norm.weight': [1, 16],
    'h.0.attn.k_norm.weight': [1, 16],
    'h.0.attn.c_proj.weight': [4 * 16, 32],
  });
  expect(shapes.has('wpe.weight')).toBe(false);
});

test('biases of q, k and v alone are one of c_attn and none of c_proj', () => {
  const names = [...shapesOf(llamaConfig({ biases: 'qkv' })).keys()].filter((name) =>
    /attn.*bias$/.test(name),
  );
  expect(names).toEqual(['h.0.attn.c_attn.bias']);
});

test('FLOPs of a token count the heads of q, and those of k and v', () => {
  const flops = (named: Partial<GptConfig>) => new Decoder(llamaConfig(named)).flopsPerToken;
  const [C, H, T] = [32, 4, 16];
  const attention = (G: number, D: number) => C * (H + 2 * G) * D + H * D * C + H * D * T;
  const plain = flops({});
  expect(flops({ keyValueHeads: 1 }) - plain).toBe(6 * (attention(1, 8) - attention(4, 8)));
  expect(flops({ keyValueHeads: 2, headSize: 24 }) - plain).toBe(6 * (attention(2, 24) - attention(4, 8)));
});

test.each<[string, number, Partial<GptConfig>]>([
  [
    'TinyLlama 1.1B',
    1_100_048_384,
    {
      ...{ layers: 22, width: 2048, heads: 32, keyValueHeads: 4, intermediate: 5632, vocabulary: 32_000 },
      ...{ tied: false, biases: 'none' },
    },
  ],
  [
    'Llama 3 8B',
    8_030_261_248,
    {
      ...{ layers: 32, width: 4096, heads: 32, keyValueHeads: 8, intermediate: 14_336, vocabulary: 128_256 },
      ...{ tied: false, biases: 'none' },
    },
  ],
  [
    'Qwen2.5 0.5B',
    494_032_768,
    {
      ...{ layers: 24, width: 896, heads: 14, keyValueHeads: 2, intermediate: 4864, vocabulary: 151_936 },
      ...{ biases: 'qkv' },
    },
  ],
  [
    'Qwen3 0.6B',
    596_049_920,
    {
      ...{ layers: 28, width: 1024, heads: 16, keyValueHeads: 8, headSize: 128, intermediate: 3072 },
      ...{ vocabulary: 151_936, biases: 'none', qkNorm: true },
    },
  ],
])('%s has %i parameters', (_, count, named) => {
  expect(parameterCount(llamaConfig({ norm: 'rmsnorm', mlp: 'swiglu', ...named }))).toBe(count);
});

test("QK-norm keeps its statistics in each block, and one tensor of all blocks for attention's operand", () => {
  const options = { precision: 'fp32', position: 'rope', keyValueHeads: 1 } as const;
  const config = { ...presetOf('smoke').config, ...options };
  const { layers, heads, width, batch, context } = config;
  const activations = (qkNorm: boolean) => memoryPlan({ ...config, qkNorm }, 80).bytes.activations;
  const [rows, keys] = [batch * context, 1];
  const statistics = 4 * layers * rows * (heads + keys);
  const operand = 4 * rows * (width + (2 * keys * width) / heads);
  expect(activations(true) - activations(false)).toBe(statistics + operand);
});
