/** What follows from the options of a decoder's blocks: parameters and work. */
import { expect, test } from 'vitest';
import type { GptConfig } from '../../src/engine/config/gptConfig.ts';
import { Decoder, parameterSpecs } from '../../src/engine/model/decoder.ts';
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
