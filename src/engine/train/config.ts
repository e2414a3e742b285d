import { EngineError } from '../errors.ts';
import { checkShape, type GptConfig } from '../model/config.ts';
import {
  checkLossScale,
  type PrecisionMode,
  type Recipe,
  recipeOf,
  type ScalingPolicy,
} from '../precision/recipes.ts';

/** Everything that defines a run apart from the text. Plain data: it travels to the worker, into links and files. */
export interface TrainConfig {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly tied: boolean;
  /** Sequences in a micro-batch. */
  readonly batch: number;
  /** Micro-batches in a step. */
  readonly accumulation: number;
  /** Steps attempted; skipped ones count. */
  readonly steps: number;
  readonly learningRate: number;
  readonly minLearningRate: number;
  readonly warmup: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Largest global norm of the unscaled gradient; 0 turns clipping off. */
  readonly clip: number;
  readonly seed: number;
  readonly precision: PrecisionMode;
  /** How f16 is stored: `auto` takes native where the adapter has shader-f16. */
  readonly half: 'auto' | 'native' | 'packed';
  /** Initial (dynamic) or fixed (static) loss scale; null takes the mode's default. */
  readonly lossScale: number | null;
  /** Clean steps before the loss scale doubles; null takes the mode's default. */
  readonly growthInterval: number | null;
  readonly tokenizer: 'char' | 'byte';
  readonly order: 'random' | 'sequential';
  /** Steps between evaluations; 0 evaluates only at the end. */
  readonly evalEvery: number;
  readonly evalBatches: number;
  /** Tokens of the sample written at the end; 0 for none. */
  readonly sampleLength: number;
}

export function gptConfig(config: TrainConfig, vocabulary: number): GptConfig {
  const { layers, heads, width, context, tied } = config;
  return { layers, heads, width, context, tied, vocabulary };
}

/** Tokens of one step: B * T * accumulation. */
export function tokensPerStep(config: TrainConfig): number {
  return config.batch * config.context * config.accumulation;
}

/** The recipe's scaling policy with the run's own scale and interval filled in. */
export function scalingOf(config: TrainConfig, recipe: Recipe = recipeOf(config.precision)): ScalingPolicy {
  const { scaling } = recipe;
  if (scaling.kind === 'none') return scaling;
  if (scaling.kind === 'static') return { kind: 'static', scale: config.lossScale ?? scaling.scale };
  return {
    kind: 'dynamic',
    initialScale: config.lossScale ?? scaling.initialScale,
    growthInterval: config.growthInterval ?? scaling.growthInterval,
  };
}

/** [field, option name, smallest, largest, must be whole] */
const RANGES: readonly (readonly [keyof TrainConfig, string, number, number, boolean])[] = [
  ['batch', 'batch', 1, 65_536, true],
  ['accumulation', 'accum', 1, 65_536, true],
  ['steps', 'steps', 0, 1_000_000, true],
  ['learningRate', 'lr', 0, 10, false],
  ['minLearningRate', 'min-lr', 0, 10, false],
  ['warmup', 'warmup', 0, 1_000_000, true],
  ['weightDecay', 'weight-decay', 0, 10, false],
  ['beta1', 'beta1', 0, 0.999999, false],
  ['beta2', 'beta2', 0, 0.999999, false],
  ['epsilon', 'epsilon', 1e-30, 1, false],
  ['clip', 'clip', 0, 1e6, false],
  ['seed', 'seed', 0, 0xffffffff, true],
  ['evalEvery', 'eval-every', 0, 1_000_000, true],
  ['evalBatches', 'eval-batches', 1, 100_000, true],
  ['sampleLength', 'sample', 0, 1_000_000, true],
];

/**
 * Refuses values that cannot train, before anything is allocated.
 * @throws EngineError BAD_VALUE or BAD_SHAPE naming the option, its value and the range
 */
export function checkConfig(config: TrainConfig, vocabulary = 1): void {
  checkShape(gptConfig(config, vocabulary));
  for (const [field, option, low, high, whole] of RANGES) {
    const value = config[field] as number;
    if (!Number.isFinite(value) || value < low || value > high || (whole && !Number.isInteger(value))) {
      const kind = whole ? 'a whole number' : 'a number';
      throw new EngineError(
        'BAD_VALUE',
        `${option} is ${value}.`,
        `It must be ${kind} from ${low} to ${high}.`,
      );
    }
  }
  if (config.warmup > config.steps) {
    throw new EngineError(
      'BAD_VALUE',
      `warmup is ${config.warmup}, but the run has only ${config.steps} steps.`,
      `The learning rate would never be reached: use a warmup of at most ${config.steps}, or more steps.`,
    );
  }
  if (config.minLearningRate > config.learningRate) {
    throw new EngineError(
      'BAD_VALUE',
      `min-lr ${config.minLearningRate} is above lr ${config.learningRate}.`,
      'The schedule decays from lr to min-lr: lower min-lr.',
    );
  }
  const { scaling } = recipeOf(config.precision);
  if (config.lossScale !== null) {
    if (scaling.kind === 'none') {
      throw new EngineError(
        'BAD_VALUE',
        `Mode ${config.precision} does not scale the loss, but a loss scale of ${config.lossScale} was given.`,
        'Use fp16 (dynamic) or fp16-static, or leave the loss scale out.',
      );
    }
    checkLossScale(config.lossScale);
  }
  const interval = config.growthInterval;
  if (interval !== null && (!Number.isInteger(interval) || interval < 1 || interval > 1e9)) {
    throw new EngineError(
      'BAD_VALUE',
      `growth-interval is ${interval}.`,
      'It must be a whole number from 1 to 1000000000.',
    );
  }
}
