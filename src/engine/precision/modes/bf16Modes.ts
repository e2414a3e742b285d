/** Modes in bf16. They differ in how master weights are kept. */
import { mixed, operands } from '../mixedPrecision.ts';
import { type RecipeRow, UNSCALED } from '../recipe.ts';

export const BF16_MODES = {
  bf16: {
    title: 'Mixed bf16',
    summary:
      'bf16 operands and saved activations with the range of FP32: no loss scaling needed, 8 bits of precision.',
    storages: mixed('bf16'),
    scaling: UNSCALED,
    unsound: false,
    inPyTorch: true,
  },
  'bf16-sr': {
    title: 'bf16, stochastic rounding',
    summary:
      'bf16 weights without a master copy: each update is rounded up or down at random, so that small ones count on average.',
    storages: { ...mixed('bf16'), master: { format: 'bf16', rounding: 'stochastic' } },
    scaling: UNSCALED,
    unsound: false,
  },
  'bf16-split': {
    title: 'bf16, split master',
    summary:
      'Like mixed bf16, with master weights in two halves: the upper is the bf16 weight itself, the lower its missing 16 bits. An exact FP32 master in 4 bytes.',
    storages: { ...mixed('bf16'), master: { format: 'bf16', rounding: 'split' } },
    scaling: UNSCALED,
    unsound: false,
  },
  'bf16-pure': {
    title: 'bf16 without masters',
    summary:
      'bf16 weights without a master copy, rounded to nearest: updates below half a step of a weight are lost. Made to fail, unless Kahan compensation keeps what rounding adds.',
    storages: { ...mixed('bf16'), master: { format: 'bf16' } },
    scaling: UNSCALED,
    unsound: true,
  },
  'bf16-last-fp32': {
    title: 'Mixed bf16, last block FP32',
    summary:
      'Like mixed bf16, with the last block in FP32: the operands of its matmuls and its attention, and its saved activations.',
    storages: mixed('bf16'),
    sites: [{ in: 'last block', storages: operands('f32') }],
    scaling: UNSCALED,
    unsound: false,
  },
} satisfies Readonly<Record<string, RecipeRow>>;
