/** The formats in which the optimizer's states are stored between steps. They combine with the precision modes. */
import { EngineError, suggestion } from '../core/errors.ts';
import type { FormatId } from './formats.ts';
import { keepsMaster, PRECISION_MODES, type Recipe, recipeOf } from './recipes.ts';

const WIDE_STATES = ['f32', 'bf16', 'f16-h'] as const;
const FP8_STATES = ['fp8', 'fp8-lm', 'fp8-e4m3-e5m2', 'fp8-e4m3-e4m3'] as const;
export const OPTIM_STATES = [...WIDE_STATES, ...FP8_STATES] as const;
export type OptimState = (typeof OPTIM_STATES)[number];

/** Number of elements in a group, which share a largest magnitude and an exponent where moments are scaled by group. */
export const MOMENT_GROUP = 128;

/** How a run stores the moments. */
export interface MomentFormats {
  readonly firstMoment: FormatId;
  readonly secondMoment: FormatId;
  /**
   * With beta2 = 0.999 a second moment decays by less than half a bf16 rounding step in each training step. Rounded to nearest
   * it would never decrease; rounded stochastically it decreases on average.
   */
  readonly rounding: 'nearest' | 'stochastic';
  /** Whether moments have scales: none, one per parameter, or one per group of {@link MOMENT_GROUP} elements. */
  readonly scale: 'none' | 'parameter' | 'group';
  /**
   * Scales of parameters: the largest powers of two, with which scaling never rounds, or in f32 such that the largest moment gets
   * the largest code. Powers of two if absent.
   */
  readonly scaleKind?: 'pow2' | 'f32';
  /** Whether a second moment that is not zero is stored as the smallest code of e5m2 at least, since an update is divided by its root. */
  readonly floor?: true;
  /**
   * Whether h of hAdam is kept in place of v: h <- hypot((1 - beta1) |g|, sqrt(beta2) h), which is sqrt(v) times
   * (1 - beta1) / sqrt(1 - beta2). Squares of small gradients underflow in f16, and their roots do not.
   */
  readonly hypot?: true;
}

interface OptimStateRow {
  readonly title: string;
  readonly summary: string;
  /** Null if the precision mode decides the formats. */
  readonly moments: MomentFormats | null;
}

export const OPTIM_STATE_TABLE: Readonly<Record<OptimState, OptimStateRow>> = {
  f32: {
    title: 'FP32',
    summary:
      'Moments in FP32, or in f16 with pure f16. 8 bytes per parameter for the two moments of AdamW, 4 for the one of Lion.',
    moments: null,
  },
  bf16: {
    title: 'bf16',
    summary:
      'Moments in bf16, rounded stochastically: rounded to nearest, the second moment would stop decreasing. 4 bytes per parameter for two moments, 2 for one.',
    moments: { firstMoment: 'bf16', secondMoment: 'bf16', rounding: 'stochastic', scale: 'none' },
  },
  'f16-h': {
    title: 'f16, hAdam',
    summary:
      "AdamW's first moment in f16, and in place of the second its root (hAdam), which does not underflow where squares do. 4 bytes per parameter.",
    moments: {
      ...{ firstMoment: 'f16', secondMoment: 'f16', rounding: 'nearest', scale: 'none' },
      hypot: true,
    },
  },
  fp8: {
    title: 'FP8, expanded by group',
    summary:
      'Both moments in 8-bit floats, in groups of 128 whose range is expanded or compressed to fit (COAT). 2.13 bytes per parameter.',
    moments: { firstMoment: 'e4m3fn', secondMoment: 'e4m3fn', rounding: 'nearest', scale: 'group' },
  },
  'fp8-lm': {
    title: 'FP8 and f16, scaled by parameter',
    summary:
      'The first moment in 8-bit floats and the second in f16, each with one power-of-two scale for each parameter tensor (FP8-LM). 3 bytes per parameter.',
    moments: { firstMoment: 'e4m3fn', secondMoment: 'f16', rounding: 'nearest', scale: 'parameter' },
  },
  'fp8-e4m3-e5m2': {
    title: 'FP8, E4M3 and E5M2',
    summary:
      'The first moment in E4M3 and the second in E5M2, each with one FP32 scale for each parameter tensor (arXiv 2409.12517). A second moment is never rounded to zero. 2 bytes per parameter.',
    moments: {
      ...{ firstMoment: 'e4m3fn', secondMoment: 'e5m2', rounding: 'nearest', scale: 'parameter' },
      ...{ scaleKind: 'f32', floor: true },
    },
  },
  'fp8-e4m3-e4m3': {
    title: 'FP8, both E4M3, no floor',
    summary:
      'Both moments in E4M3, each with one FP32 scale for each parameter tensor. A second moment below 2^-19 of the largest becomes zero, and divides an update by epsilon: made to show what the floor of fp8-e4m3-e5m2 is for. 2 bytes per parameter.',
    moments: {
      ...{ firstMoment: 'e4m3fn', secondMoment: 'e4m3fn', rounding: 'nearest', scale: 'parameter' },
      scaleKind: 'f32',
    },
  },
};

/** Whether a mode can be combined with the optimizer state: 8-bit moments require an f32 master. */
export function goesWithState(recipe: Recipe, optimState: OptimState): boolean {
  const { moments } = OPTIM_STATE_TABLE[optimState];
  return !moments || moments.scale === 'none' || keepsMaster(recipe);
}

/**
 * How a run stores the moments.
 * @throws EngineError BAD_VALUE if there is no such optimizer state, or it needs f32 master weights and the mode has none
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
