import { inWords } from '../core/checkOptions.ts';
import { EngineError, suggestion } from '../core/errors.ts';
import { CUSTOM_PREFIX, type CustomMode, customRecipe } from './customModes.ts';
import {
  type IntegerMode,
  type IntegerRange,
  integerBits,
  integerHint,
  isIntegerMode,
  type LevelRole,
  type ScheduleName,
  stagesOf,
} from './levels.ts';
import { mixed } from './mixedPrecision.ts';
import { type NamedMode, ROWS } from './modes/families.ts';
import { type OverflowPolicy, withClampedGradients } from './overflow.ts';
import {
  delayedScaling,
  hasRuleFor,
  hasScaleRule,
  type QuantizeSettings,
  RecipeOf,
  type RecipeSettings,
  UNSCALED,
} from './recipe.ts';
import {
  DEFAULT_ROUNDING,
  isSimulatedMode,
  type Rounding,
  type SimulatedMode,
  simulatedBits,
  simulatedHint,
} from './simulated.ts';
import type { Storage } from './storage.ts';

export { MODE_FAMILIES, type ModeFamily } from './modes/families.ts';
export { keepsMaster, type RecipeSettings, type ScalingPolicy } from './recipe.ts';
export type { MasterRounding, Role } from './storage.ts';

/** GradScaler's factors; both are powers of two so that scaling never rounds. */
export const SCALE_GROWTH = 2;
export const SCALE_BACKOFF = 0.5;
export const SCALE_FLOOR = 1;
/** Limits growth only: a larger initial scale is allowed, and it can only decrease. */
export const SCALE_CEILING = 2 ** 24;
/** A mode without a scaler stops after this many skipped steps in a row. */
export const MAX_SKIPS_WITHOUT_SCALER = 10;

/** The name of a built-in mode, of a simulated mode, or of a mode that a program has defined. */
export type PrecisionMode = NamedMode | SimulatedMode | IntegerMode | CustomMode;

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
  return (
    typeof id === 'string' &&
    (isNamed(id) || isSimulatedMode(id) || isIntegerMode(id) || customRecipe(id) !== undefined)
  );
}

/**
 * The recipe called `id`.
 * @throws EngineError UNKNOWN_MODE with the nearest existing name
 */
export function recipeOf(id: string): Recipe {
  if (isNamed(id)) return RECIPES[id];
  if (isSimulatedMode(id)) return simulatedRecipe(id, DEFAULT_ROUNDING);
  if (isIntegerMode(id)) return levelRecipe(id, {});
  const custom = customRecipe(id);
  if (custom) return custom;
  throw new EngineError('UNKNOWN_MODE', `There is no precision mode ${inWords(id)}.`, modeSuggestion(id));
}

/** A hint for a user who gave `id`, which is not a mode. */
export function modeSuggestion(id: string): string {
  if (String(id).startsWith(CUSTOM_PREFIX)) {
    return 'A program defined this mode: use that program, or call defineMode with the recipe of the mode first.';
  }
  return simulatedHint(id) ?? integerHint(id) ?? suggestion(id, PRECISION_MODES);
}

/** The recipe of a run: the recipe of its mode, modified by the settings of the run. */
export function recipeFor(
  config: {
    readonly precision: PrecisionMode;
    readonly rounding?: Rounding | null;
    readonly overflow?: OverflowPolicy | null;
    readonly precisionSchedule?: ScheduleName;
    readonly integerRange?: IntegerRange | null;
  } & Partial<RecipeSettings>,
): Recipe {
  const { precision, rounding, precisionSchedule: schedule = 'none' } = config;
  if (isIntegerMode(precision) || schedule !== 'none') return levelRecipe(precision, config);
  if (isSimulatedMode(precision)) {
    return simulatedRecipe(precision, rounding ?? DEFAULT_ROUNDING).given(config);
  }
  const recipe = recipeOf(precision);
  if (config.overflow !== 'clamp') return recipe.given(config);
  return new RecipeOf(recipe.id, withClampedGradients(recipe.row), config);
}

/**
 * The recipe of the last steps of a run that heals: that of its mode with the operands of the blocks as `healing` of its row has
 * them. Null where the run has no such steps.
 */
export function healedRecipe(
  config: Parameters<typeof recipeFor>[0] & { readonly heal?: number },
): Recipe | null {
  const { id, row } = recipeFor(config);
  if (!config.heal || !row.healing) return null;
  const { lastBlocks: _, healing: storages, ...others } = row;
  return new RecipeOf(id, { ...others, sites: [{ in: 'blocks', storages }] }, config);
}

/** Whether the last steps of a run in the mode can have wider operands. */
export function canHeal(mode: PrecisionMode): boolean {
  return recipeOf(mode).row.healing !== undefined;
}

/** Whether a mode can quantise the operands of the LM head. */
export function quantizesHead(mode: PrecisionMode): boolean {
  return hasRuleFor(recipeOf(mode).row, 'quantizeHead');
}

/** Whether a mode can round what attention reads to the format of its operands. */
export function quantizesAttention(mode: PrecisionMode): boolean {
  return recipeOf(mode).row.attention !== undefined;
}

/** Whether a mode can store the inputs of GELU and layer norm with block scales. */
export function groupsActivations(mode: PrecisionMode): boolean {
  return hasRuleFor(recipeOf(mode).row, 'quantizeActivations');
}

/** Whether a mode has powers of two for blocks, and the rule for them can be set. */
export function rulesScales(mode: PrecisionMode): boolean {
  return hasScaleRule(recipeOf(mode).row);
}

/** The modes with a part that the setting switches off. */
export function switches(setting: keyof QuantizeSettings): (mode: PrecisionMode) => boolean {
  return (mode) => hasRuleFor(recipeOf(mode).row, setting);
}

/** Whether a mode keeps a number of last blocks in bf16, which can be set. */
export function keepsBlocks(mode: PrecisionMode): boolean {
  return recipeOf(mode).row.lastBlocks !== undefined;
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
    scaling: UNSCALED,
    unsound: false,
  });
  simulatedRecipes.set(format, recipe);
  return recipe;
}

/** The operands of the blocks' matmuls rounded to levels; everything else, the LM head included, in f32. */
function levelRecipe(
  id: PrecisionMode,
  settings: Partial<RecipeSettings> & {
    readonly precisionSchedule?: ScheduleName;
    readonly integerRange?: IntegerRange | null;
    readonly rounding?: Rounding | null;
  },
): Recipe {
  const { precisionSchedule: schedule = 'none', integerRange, rounding } = settings;
  const stages = stagesOf(id, schedule, integerRange ?? 'affine', rounding ?? DEFAULT_ROUNDING);
  const of = (levels: LevelRole): Storage => ({ format: 'f32', from: 'f32', levels });
  const integers = integerBits(id);
  const own = integers && {
    title: `INT${integers.bits} simulated, gradients INT${integers.gradientBits}`,
    summary: `Matmul operands of the blocks rounded to ${integers.bits}-bit integers, output gradients at random to ${integers.gradientBits}-bit ones, each in the range of its tensor (stored in 4 bytes).`,
  };
  const { title, summary } = own ?? recipeOf(id);
  return new RecipeOf(
    id,
    {
      title,
      summary,
      storages: mixed('f32'),
      sites: [
        {
          in: 'blocks',
          storages: {
            activation: of('activation'),
            weight: of('weight'),
            outputGradient: of('outputGradient'),
          },
        },
      ],
      scaling: UNSCALED,
      stages,
      stagesOfBlocks: schedule === 'noise',
      unsound: false,
    },
    settings,
  );
}
