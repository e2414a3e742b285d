/** Modes in f16, with and without what makes f16 work. */
import { mixed } from '../mixedPrecision.ts';
import { type RecipeRow, type ScalingPolicy, UNSCALED } from '../recipe.ts';

const dynamic: ScalingPolicy = { kind: 'dynamic', initialScale: 2 ** 16, growthInterval: 2000 };

const half = { format: 'f16' } as const;
const allHalf = Object.fromEntries(
  Object.keys(mixed('f16')).map((role) => [role, half]),
) as unknown as RecipeRow['storages'];

const mixedHalf: RecipeRow = {
  title: 'Mixed f16',
  summary: 'f16 operands and saved activations, FP32 accumulation and master weights, dynamic loss scaling.',
  storages: mixed('f16'),
  scaling: dynamic,
  unsound: false,
};

export const HALF_MODES = {
  fp16: { ...mixedHalf, inPyTorch: true },
  // In PyTorch, `allow_tf32` applies to the matmuls that autocast leaves in FP32. Here a mode narrows the operands of every
  // matmul, so none is left in FP32.
  'fp16-tf32': {
    ...mixedHalf,
    title: 'Mixed f16 + TF32',
    summary:
      'Alias of fp16: TF32 would apply to matmuls that mixed precision leaves in FP32, and there are none here, so both give the same bits.',
  },
  'fp16-static': {
    title: 'Mixed f16, static scale',
    summary: 'Like mixed f16, with one loss scale for the whole run.',
    storages: mixed('f16'),
    scaling: { kind: 'static', scale: 2 ** 12 },
    unsound: false,
  },
  'fp16-noscale': {
    title: 'f16 without scaling',
    summary:
      'Like mixed f16, but without loss scaling and with f16 subnormals flushed to zero, as WGSL allows: small gradients vanish. Made to fail.',
    storages: mixed('f16-flush'),
    scaling: UNSCALED,
    unsound: true,
  },
  'fp16-pure': {
    title: 'Pure f16',
    summary:
      'Weights, gradients and Adam moments in f16 without master copies or scaling: small updates vanish. Made to fail.',
    storages: allHalf,
    scaling: UNSCALED,
    unsound: true,
  },
} satisfies Readonly<Record<string, RecipeRow>>;
