/** How the optimizer's states are kept between steps: a small table beside the precision modes, which it combines with. */
import { EngineError, suggestion } from '../core/errors.ts';
import type { FormatId } from './formats.ts';
import { keepsMaster, PRECISION_MODES, type Recipe, recipeOf } from './recipes.ts';

export const OPTIM_STATES = ['f32', 'bf16', 'fp8', 'fp8-lm'] as const;
export type OptimState = (typeof OPTIM_STATES)[number];

/** Elements that share a largest magnitude and an exponent where moments are scaled by group. */
export const MOMENT_GROUP = 128;

/** Moments as a run stores them. */
export interface MomentFormats {
  readonly firstMoment: FormatId;
  readonly secondMoment: FormatId;
  /**
   * A second moment with beta2 0.999 decays by less than half a bf16 step a step: to nearest it would never fall. At random
   * it falls on average.
   */
  readonly rounding: 'nearest' | 'stochastic';
  /** What has a scale of its own: nothing, each parameter, or each group of {@link MOMENT_GROUP} elements. */
  readonly scale: 'none' | 'parameter' | 'group';
}

interface OptimStateRow {
  readonly title: string;
  readonly summary: string;
  /** Null leaves the formats to the precision mode. */
  readonly moments: MomentFormats | null;
}

export const OPTIM_STATE_TABLE: Readonly<Record<OptimState, OptimStateRow>> = {
  f32: {
    title: 'FP32',
    summary:
      "AdamW's two moments, or an optimizer's one, as the precision mode has them: FP32, in pure f16 f16. 8 bytes a parameter, or 4.",
    moments: null,
  },
  bf16: {
    title: 'bf16',
    summary:
      'Moments in bf16, rounded up or down at random: to nearest the second moment would stop falling. 4 bytes a parameter, of one moment 2.',
    moments: { firstMoment: 'bf16', secondMoment: 'bf16', rounding: 'stochastic', scale: 'none' },
  },
  fp8: {
    title: 'FP8, expanded by group',
    summary:
      'Both moments in 8-bit floats, in groups of 128 whose range is stretched or compressed to fit (COAT). 2.13 bytes a parameter.',
    moments: { firstMoment: 'e4m3fn', secondMoment: 'e4m3fn', rounding: 'nearest', scale: 'group' },
  },
  'fp8-lm': {
    title: 'FP8 and f16, scaled by parameter',
    summary:
      'The first moment in 8-bit floats and the second in f16, each with a power-of-two scale a parameter (FP8-LM). 3 bytes a parameter.',
    moments: { firstMoment: 'e4m3fn', secondMoment: 'f16', rounding: 'nearest', scale: 'parameter' },
  },
};

/** 8-bit moments are trusted only with an f32 master. */
export function goesWithState(recipe: Recipe, optimState: OptimState): boolean {
  const { moments } = OPTIM_STATE_TABLE[optimState];
  return !moments || moments.scale === 'none' || keepsMaster(recipe);
}

/**
 * The moments of a run.
 * @throws EngineError BAD_VALUE where there is no such state, or the mode keeps no master that 8-bit moments could be trusted with
 */
export function momentsOf(recipe: Recipe, optimState: OptimState): MomentFormats {
  if (!Object.hasOwn(OPTIM_STATE_TABLE, optimState)) {
    throw new EngineError(
      'BAD_VALUE',
      `There is no optimizer state "${optimState}".`,
      suggestion(optimState, OPTIM_STATES),
    );
  }
  const { moments } = OPTIM_STATE_TABLE[optimState];
  if (!moments) {
    return {
      firstMoment: recipe.storage('firstMoment').format,
      secondMoment: recipe.storage('secondMoment').format,
      rounding: 'nearest',
      scale: 'none',
    };
  }
  if (!goesWithState(recipe, optimState)) {
    const without = PRECISION_MODES.filter((mode) => !keepsMaster(recipeOf(mode)));
    throw new EngineError(
      'BAD_VALUE',
      `Optimizer state ${optimState} needs f32 master weights, and mode ${recipe.id} keeps none.`,
      `Use f32 or bf16 states, or a mode with masters: any but ${without.join(' and ')}.`,
    );
  }
  return moments;
}
