/** Modes whose matmuls read 8-bit floats. They differ in what shares a scale, and in when it is computed. */
import { attentionOperands, mixed, quantized } from '../mixedPrecision.ts';
import { DELAYED_SCALING } from '../quantization.ts';
import { type RecipeRow, UNSCALED } from '../recipe.ts';

/** E4M3 where precision counts, E5M2 where range does. */
const FP8 = {
  activation: 'e4m3fn',
  weight: 'e4m3fn',
  preActivation: 'e4m3fn',
  normInput: 'e4m3fn',
  outputGradient: 'e5m2',
} as const;
const E4M3 = { ...FP8, outputGradient: 'e4m3fn' } as const;

export const FP8_MODES = {
  fp8: {
    title: 'FP8',
    summary:
      'Matmul operands and saved activations of the blocks in 8 bits (E4M3, gradients E5M2) with one scale per tensor. Attention in bf16, and the LM head too unless its FP8 option is on.',
    storages: mixed('bf16'),
    scaling: UNSCALED,
    sites: quantized(FP8, 'current'),
    attention: attentionOperands('e5m2', { per: 'tensor', as: 'pow2', when: 'current' }),
    unsound: false,
  },
  'fp8-delayed': {
    title: 'FP8, delayed scales',
    summary:
      'Like FP8, with scales of activations and gradients computed from the largest magnitudes of earlier steps, so that each tensor is read once.',
    storages: mixed('bf16'),
    scaling: UNSCALED,
    sites: quantized(FP8, DELAYED_SCALING),
    attention: attentionOperands('e5m2', { per: 'tensor', as: 'pow2', when: DELAYED_SCALING }),
    unsound: false,
  },
  'fp8-row': {
    title: 'FP8, scales of rows',
    summary:
      'Matmul operands and saved activations of the blocks in E4M3. Each product reads copies of its own, with one scale for each row or column that it sums along. Attention and LM head in bf16.',
    storages: mixed('bf16'),
    scaling: UNSCALED,
    sites: quantized(E4M3, 'current', { per: 'contraction', as: 'e8m0' }),
    attention: attentionOperands('e4m3fn', { per: 'row', as: 'e8m0', when: 'current' }),
    // In revision 1 both products of an operand read one copy, with a scale per row.
    revision: 2,
    unsound: false,
  },
} satisfies Readonly<Record<string, RecipeRow>>;
