/** Modes whose matmuls read 8-bit or 4-bit floats with a scale for each block along the sums of a product. */
import type { FormatId } from '../formats.ts';
import { attentionOperands, mixed, operands } from '../mixedPrecision.ts';
import { type RecipeRow, type SiteRule, UNSCALED } from '../recipe.ts';
import type { Scale, ScaleRule, Storage } from '../storage.ts';

/** A copy of an operand, made from the unquantised tensor. */
function copy(format: FormatId, from: FormatId, ...scales: Omit<Scale, 'when'>[]): Storage {
  return { format, from, scales: scales.map((scale) => ({ ...scale, when: 'current' })) };
}

/** Blocks of 32 with powers of two, as OCP's microscaling formats have them. GELU's input, which no matmul reads, is in E4M3. */
function microscaled(format: FormatId, rule: ScaleRule): readonly SiteRule[] {
  const scale = { per: { contraction: 32 }, as: 'e8m0', rule } as const;
  const storages = {
    activation: copy(format, 'bf16', scale),
    weight: copy(format, 'f32', scale),
    outputGradient: copy(format, 'bf16', scale),
    preActivation: copy('e4m3fn', 'bf16', { per: { block: 32 }, as: 'e8m0', rule: 'rceil' }),
  };
  return [{ in: 'blocks', storages }];
}

/** DeepSeek-V3's: 128 elements along the sums, and squares of 128 of the weights. */
const BLOCK_128 = { as: 'e8m0', narrows: true } as const;

/** What NVIDIA's recipe ends with: operands of 4 bits leave an error that some last steps in bf16 make up for (arXiv 2509.25149). */
const HEALING = { healing: operands('bf16') } as const;

/** Two levels of scales: E4M3 of blocks of 16, times an f32 scale of the tensor. */
const OF_TENSOR = { per: 'tensor', as: 'f32' } as const;
const ALONG_16 = [OF_TENSOR, { per: { contraction: 16 }, as: 'e4m3' }] as const;
const NVFP4 = copy('e2m1fn', 'bf16', ...ALONG_16);
const MIXED = { ...NVFP4, transform: 'hadamard16' } as const;
const STOCHASTIC = { rounding: 'stochastic' } as const;

export const BLOCK_MODES = {
  mxfp8: {
    title: 'MXFP8',
    summary:
      'Matmul operands and saved activations of the blocks in E4M3, with a power of two for each 32 elements along the sums. Attention and LM head in bf16.',
    storages: mixed('bf16'),
    scaling: UNSCALED,
    sites: microscaled('e4m3fn', 'rceil'),
    attention: attentionOperands('e4m3fn', {
      ...{ per: { block: 32 }, as: 'e8m0', rule: 'rceil', when: 'current' },
    }),
    unsound: false,
  },
  'fp8-block': {
    title: 'FP8, scales of blocks',
    summary:
      'Matmul operands and saved activations of the blocks in E4M3, scaled by each 128 elements along the sums, weights by squares (64 or 32 in narrow models). Attention and LM head in bf16.',
    storages: mixed('bf16'),
    scaling: UNSCALED,
    sites: [
      {
        in: 'blocks',
        storages: {
          activation: copy('e4m3fn', 'bf16', { per: { contraction: 128 }, ...BLOCK_128 }),
          weight: copy('e4m3fn', 'f32', { per: { square: 128 }, ...BLOCK_128 }),
          outputGradient: copy('e4m3fn', 'bf16', { per: { contraction: 128 }, ...BLOCK_128 }),
          preActivation: copy('e4m3fn', 'bf16', { per: { block: 128 }, ...BLOCK_128 }),
        },
      },
    ],
    attention: attentionOperands('e4m3fn', { per: { block: 128 }, ...BLOCK_128, when: 'current' }),
    unsound: false,
  },
  mxfp4: {
    title: 'MXFP4',
    summary:
      "Matmul operands of the blocks in 4 bits (E2M1), with a power of two for each 32 elements along the sums. GELU's input in E4M3, attention and LM head in bf16.",
    storages: mixed('bf16'),
    scaling: UNSCALED,
    sites: microscaled('e2m1fn', 'even'),
    ...HEALING,
    unsound: false,
  },
  nvfp4: {
    title: 'NVFP4',
    summary:
      'Matmul operands of the blocks in E2M1, with E4M3 scales of 16 elements and one of the tensor; tokens mixed for dW, gradients rounded at random. Last block, attention and LM head in bf16.',
    storages: mixed('bf16'),
    scaling: UNSCALED,
    sites: [
      {
        in: 'blocks',
        storages: {
          activation: MIXED,
          weight: copy('e2m1fn', 'f32', OF_TENSOR, { per: { square: 16 }, as: 'e4m3' }),
          outputGradient: { ...MIXED, ...STOCHASTIC },
          preActivation: copy('e4m3fn', 'bf16', { per: { block: 32 }, as: 'e8m0', rule: 'rceil' }),
        },
      },
      {
        in: 'blocks',
        given: { fp4Rht: 'off' },
        storages: { activation: NVFP4, outputGradient: { ...NVFP4, ...STOCHASTIC } },
      },
      { in: 'blocks', given: { fp4Sr: 'off' }, storages: { outputGradient: MIXED } },
      { in: 'blocks', given: { fp4Rht: 'off', fp4Sr: 'off' }, storages: { outputGradient: NVFP4 } },
      {
        in: 'blocks',
        given: { fp4TwoD: 'off' },
        storages: { weight: copy('e2m1fn', 'f32', ...ALONG_16) },
      },
    ],
    lastBlocks: { count: 1, storages: operands('bf16') },
    ...HEALING,
    unsound: false,
  },
} satisfies Readonly<Record<string, RecipeRow>>;
