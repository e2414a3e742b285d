import { inWords } from '../core/checkOptions.ts';
import { EngineError, suggestion } from '../core/errors.ts';
import { CUSTOM_PREFIX, type CustomMode, customRecipe } from './customModes.ts';
import { mixed, operands, quantized } from './mixedPrecision.ts';
import { DELAYED_SCALING } from './quantization.ts';
import {
  delayedScaling,
  hasRuleFor,
  type QuantizeSettings,
  RecipeOf,
  type RecipeRow,
  type ScalingPolicy,
} from './recipe.ts';
import {
  DEFAULT_ROUNDING,
  isSimulatedMode,
  type Rounding,
  type SimulatedMode,
  simulatedBits,
  simulatedHint,
} from './simulated.ts';

export { keepsMaster, type QuantizeSettings, type ScalingPolicy } from './recipe.ts';
export type { MasterRounding, Role } from './storage.ts';

/** GradScaler's factors; both are powers of two so that scaling never rounds. */
export const SCALE_GROWTH = 2;
export const SCALE_BACKOFF = 0.5;
export const SCALE_FLOOR = 1;
/** Limits growth only: a larger initial scale is allowed, and it can only decrease. */
export const SCALE_CEILING = 2 ** 24;
/** A mode without a scaler stops after this many skipped steps in a row. */
export const MAX_SKIPS_WITHOUT_SCALER = 10;

const dynamic: ScalingPolicy = { kind: 'dynamic', initialScale: 2 ** 16, growthInterval: 2000 };
const none: ScalingPolicy = { kind: 'none' };

/** E4M3 where precision counts, E5M2 where range does. */
const FP8 = {
  activation: 'e4m3fn',
  weight: 'e4m3fn',
  preActivation: 'e4m3fn',
  normInput: 'e4m3fn',
  outputGradient: 'e5m2',
} as const;
const E4M3 = { ...FP8, outputGradient: 'e4m3fn' } as const;

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

/** The one table of precision modes. A mode is a row; nothing else in the project branches on its id. */
const ROWS = {
  fp32: {
    title: 'FP32',
    summary: 'Everything in 32-bit floats: the reference with which the other modes are compared.',
    storages: mixed('f32'),
    scaling: none,
    unsound: false,
    inPyTorch: true,
  },
  tf32: {
    title: 'TF32',
    summary:
      'Matmul operands rounded to 10 mantissa bits with the full FP32 range (simulated: stored in 4 bytes).',
    storages: mixed('tf32', 'f32'),
    scaling: none,
    unsound: false,
    inPyTorch: true,
  },
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
    scaling: none,
    unsound: true,
  },
  'fp16-pure': {
    title: 'Pure f16',
    summary:
      'Weights, gradients and Adam moments in f16 without master copies or scaling: small updates vanish. Made to fail.',
    storages: allHalf,
    scaling: none,
    unsound: true,
  },
  bf16: {
    title: 'Mixed bf16',
    summary:
      'bf16 operands and saved activations with the range of FP32: no loss scaling needed, 8 bits of precision.',
    storages: mixed('bf16'),
    scaling: none,
    unsound: false,
    inPyTorch: true,
  },
  'bf16-sr': {
    title: 'bf16, stochastic rounding',
    summary:
      'bf16 weights without a master copy: each update is rounded up or down at random, so that small ones count on average.',
    storages: { ...mixed('bf16'), master: { format: 'bf16', rounding: 'stochastic' } },
    scaling: none,
    unsound: false,
  },
  'bf16-split': {
    title: 'bf16, split master',
    summary:
      'Like mixed bf16, with master weights in two halves: the upper is the bf16 weight itself, the lower its missing 16 bits. An exact FP32 master in 4 bytes.',
    storages: { ...mixed('bf16'), master: { format: 'bf16', rounding: 'split' } },
    scaling: none,
    unsound: false,
  },
  'bf16-last-fp32': {
    title: 'Mixed bf16, last block FP32',
    summary:
      'Like mixed bf16, with the last block in FP32: the operands of its matmuls and its attention, and its saved activations.',
    storages: mixed('bf16'),
    sites: [{ in: 'last block', storages: operands('f32') }],
    scaling: none,
    unsound: false,
  },
  fp8: {
    title: 'FP8',
    summary:
      'Matmul operands and saved activations of the blocks in 8 bits (E4M3, gradients E5M2) with one scale per tensor. Attention in bf16, and the LM head too unless its FP8 option is on.',
    storages: mixed('bf16'),
    scaling: none,
    sites: quantized(FP8, 'current'),
    unsound: false,
  },
  'fp8-delayed': {
    title: 'FP8, delayed scales',
    summary:
      'Like FP8, with scales of activations and gradients computed from the largest magnitudes of earlier steps, so that each tensor is read once.',
    storages: mixed('bf16'),
    scaling: none,
    sites: quantized(FP8, DELAYED_SCALING),
    unsound: false,
  },
  'fp8-row': {
    title: 'FP8, scales of rows',
    summary:
      'Matmul operands and saved activations of the blocks in E4M3. Each product reads copies of its own, with one scale for each row or column that it sums along. Attention and LM head in bf16.',
    storages: mixed('bf16'),
    scaling: none,
    sites: quantized(E4M3, 'current', { per: 'contraction', as: 'e8m0' }),
    // In revision 1 both products of an operand read one copy, with a scale per row.
    revision: 2,
    unsound: false,
  },
} satisfies Readonly<Record<string, RecipeRow>>;

type NamedMode = keyof typeof ROWS;
/** The name of a built-in mode, of a simulated mode, or of a mode that a program has defined. */
export type PrecisionMode = NamedMode | SimulatedMode | CustomMode;

export type Recipe = RecipeOf<PrecisionMode>;

/** The built-in modes, which menus and tables list. Simulated modes, which are computed from their names, are not included. */
export const PRECISION_MODES = Object.keys(ROWS) as readonly NamedMode[];

/** The mode with which memory and results of the other modes are compared. */
export const REFERENCE_MODE = 'fp32' satisfies NamedMode;

const RECIPES = Object.fromEntries(
  PRECISION_MODES.map((id) => [id, new RecipeOf(id, ROWS[id])]),
) as unknown as Readonly<Record<NamedMode, Recipe>>;

function isNamed(id: string): id is NamedMode {
  return Object.hasOwn(RECIPES, id);
}

/** Whether `id` names a built-in, simulated or defined mode. All values from links, files and arguments are checked with this. */
export function isPrecisionMode(id: unknown): id is PrecisionMode {
  return typeof id === 'string' && (isNamed(id) || isSimulatedMode(id) || customRecipe(id) !== undefined);
}

/**
 * The recipe called `id`.
 * @throws EngineError UNKNOWN_MODE with the nearest existing name
 */
export function recipeOf(id: string): Recipe {
  if (isNamed(id)) return RECIPES[id];
  if (isSimulatedMode(id)) return simulatedRecipe(id, DEFAULT_ROUNDING);
  const custom = customRecipe(id);
  if (custom) return custom;
  throw new EngineError('UNKNOWN_MODE', `There is no precision mode ${inWords(id)}.`, modeSuggestion(id));
}

/** A hint for a user who gave `id`, which is not a mode. */
export function modeSuggestion(id: string): string {
  if (String(id).startsWith(CUSTOM_PREFIX)) {
    return 'A program defined this mode: use that program, or call defineMode with the recipe of the mode first.';
  }
  return simulatedHint(id) ?? suggestion(id, PRECISION_MODES);
}

/** The recipe of a run: the recipe of its mode, modified by the settings of the run. */
export function recipeFor(
  config: {
    readonly precision: PrecisionMode;
    readonly rounding?: Rounding | null;
  } & Partial<QuantizeSettings>,
): Recipe {
  const { precision, rounding } = config;
  if (isSimulatedMode(precision)) return simulatedRecipe(precision, rounding ?? DEFAULT_ROUNDING);
  return recipeOf(precision).given(config);
}

/** Whether a mode can quantise the operands of the LM head. */
export function quantizesHead(mode: PrecisionMode): boolean {
  return hasRuleFor(recipeOf(mode).row, 'quantizeHead');
}

/** Whether a mode can store the inputs of GELU and layer norm with block scales. */
export function groupsActivations(mode: PrecisionMode): boolean {
  return hasRuleFor(recipeOf(mode).row, 'quantizeActivations');
}

/** Whether a mode has delayed scales, whose options can then be set. */
export function delaysScales(mode: PrecisionMode): boolean {
  return delayedScaling(recipeOf(mode)) !== null;
}

const simulatedRecipes = new Map<string, Recipe>();

function simulatedRecipe(id: SimulatedMode, rounding: Rounding): Recipe {
  const format = `${id}-${rounding}` as const;
  const known = simulatedRecipes.get(format);
  if (known) return known;
  const { exponentBits, mantissaBits } = simulatedBits(id)!;
  const bits = mantissaBits === 1 ? '1 mantissa bit' : `${mantissaBits} mantissa bits`;
  const rounded = rounding === 'rz' ? 'truncated' : 'rounded to nearest';
  const range =
    exponentBits === 8
      ? 'the range of FP32'
      : `${exponentBits} exponent bits, clipped to the largest value, without loss scaling`;
  const recipe: Recipe = new RecipeOf(id, {
    title: `${id.toUpperCase()} simulated`,
    summary: `Matmul operands ${rounded} to ${bits} with ${range} (stored in 4 bytes).`,
    storages: mixed(format, 'f32'),
    scaling: none,
    unsound: false,
  });
  simulatedRecipes.set(format, recipe);
  return recipe;
}
