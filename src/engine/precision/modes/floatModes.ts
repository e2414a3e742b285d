/** Modes in 32-bit floats. */
import { mixed } from '../mixedPrecision.ts';
import { type RecipeRow, UNSCALED } from '../recipe.ts';

export const FLOAT_MODES = {
  fp32: {
    title: 'FP32',
    summary: 'Everything in 32-bit floats: the reference with which the other modes are compared.',
    storages: mixed('f32'),
    scaling: UNSCALED,
    unsound: false,
    inPyTorch: true,
  },
  tf32: {
    title: 'TF32',
    summary:
      'Matmul operands rounded to 10 mantissa bits with the full FP32 range (simulated: stored in 4 bytes).',
    storages: mixed('tf32', 'f32'),
    scaling: UNSCALED,
    unsound: false,
    inPyTorch: true,
  },
} satisfies Readonly<Record<string, RecipeRow>>;
