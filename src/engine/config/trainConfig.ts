import { EngineError, suggestion } from '../core/errors.ts';
import { mostTokens, type TokenizerChoice } from '../data/tokenizer.ts';
import { OPTIMIZERS, type Optimizer, optimizerRule } from '../kernels/optimizers/table.ts';
import { checkLossScale } from '../precision/lossScale.ts';
import { momentsOf, type OptimState } from '../precision/optimStates.ts';
import { ACTIVATION_GROUP, AMAX_ALGORITHMS, QUANTIZED_ACTIVATIONS } from '../precision/quantization.ts';
import {
  delaysScales,
  PRECISION_MODES,
  type PrecisionMode,
  type QuantizeSettings,
  quantizesOperands,
  type Recipe,
  recipeOf,
  type ScalingPolicy,
} from '../precision/recipes.ts';
import { isSimulatedMode, type Rounding, SIMULATED_EXAMPLE } from '../precision/simulated.ts';
import {
  checkDimension,
  checkShape,
  type Dimension,
  type GptConfig,
  type MlpKind,
  type NormKind,
  type Range,
  SHAPE_RANGES,
} from './gptConfig.ts';

/** From the most memory to the least, and from the least work to the most. Losses and weights are the same, bit by bit. */
export const RECOMPUTE_LEVELS = ['none', 'gelu', 'gelu-ln', 'block'] as const;
export type RecomputeLevel = (typeof RECOMPUTE_LEVELS)[number];

/** Everything that defines a run apart from the text. Plain data: it travels to the worker, into links and files. */
export interface TrainConfig extends QuantizeSettings {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly tied: boolean;
  readonly norm: NormKind;
  /** The activation function of the MLP. */
  readonly mlp: MlpKind;
  /** Least tokens of the vocabulary: a smaller tokenizer's is filled up with tokens that no text has. Null leaves it. */
  readonly vocabulary: number | null;
  /** What the backward pass recomputes instead of keeping. Changes memory and speed, and not one bit of the results. */
  readonly recompute: RecomputeLevel;
  /** B: windows of a batch. A step is made of `accumulation` of them, an evaluation of `evalBatches`. */
  readonly batch: number;
  /** Batches in a step. */
  readonly accumulation: number;
  /**
   * Windows that are computed at once, a divisor of `batch`; null for all of them. Decides memory and the order of sums, and
   * nothing of what a step or an evaluation is made of.
   */
  readonly microBatch: number | null;
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
  readonly optimizer: Optimizer;
  /** How the optimizer's states are kept between steps. */
  readonly optimState: OptimState;
  /** How a simulated mode rounds; null takes the mode's default, and is all that other modes have. */
  readonly rounding: Rounding | null;
  /** How f16 is stored: `auto` takes native where the adapter has shader-f16. */
  readonly half: 'auto' | 'native' | 'packed';
  /** Initial (dynamic) or fixed (static) loss scale; null takes the mode's default. */
  readonly lossScale: number | null;
  /** Clean steps before the loss scale doubles; null takes the mode's default. */
  readonly growthInterval: number | null;
  readonly tokenizer: TokenizerChoice;
  readonly order: 'random' | 'sequential';
  /** Steps between evaluations; 0 evaluates only at the end. */
  readonly evalEvery: number;
  readonly evalBatches: number;
  /** Steps between measurements of loss-landscape sharpness; 0 never measures it. */
  readonly sharpnessEvery: number;
  /** Tokens of the sample written at the end; 0 for none. */
  readonly sampleLength: number;
}

/** @param vocabulary of the tokenizer */
export function gptConfig(config: TrainConfig, vocabulary: number): GptConfig {
  const { layers, heads, width, context, tied, norm, mlp } = config;
  const padded = Math.max(vocabulary, config.vocabulary ?? 0);
  return { layers, heads, width, context, tied, norm, mlp, vocabulary: padded };
}

/** Tokens of one step: B * T * accumulation. */
export function tokensPerStep(config: Pick<TrainConfig, 'batch' | 'context' | 'accumulation'>): number {
  return config.batch * config.context * config.accumulation;
}

/** Windows that are computed at once. */
export function microBatchOf({ batch, microBatch }: Pick<TrainConfig, 'batch' | 'microBatch'>): number {
  return microBatch ?? batch;
}

/** Micro-batches in a step. */
export function microBatchesPerStep(
  config: Pick<TrainConfig, 'batch' | 'microBatch' | 'accumulation'>,
): number {
  return (config.batch / microBatchOf(config)) * config.accumulation;
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

/** The option's name in messages, and what the field may be on its own. */
const RANGES = {
  vocabulary: { option: 'vocab', ...SHAPE_RANGES.vocabulary },
  batch: { option: 'batch', low: 1, high: 65_536, whole: true },
  accumulation: { option: 'accum', low: 1, high: 65_536, whole: true },
  microBatch: { option: 'micro-batch', low: 1, high: 65_536, whole: true },
  steps: { option: 'steps', low: 0, high: 1_000_000, whole: true },
  learningRate: { option: 'lr', low: 0, high: 10, whole: false },
  minLearningRate: { option: 'min-lr', low: 0, high: 10, whole: false },
  warmup: { option: 'warmup', low: 0, high: 1_000_000, whole: true },
  weightDecay: { option: 'weight-decay', low: 0, high: 10, whole: false },
  beta1: { option: 'beta1', low: 0, high: 0.999999, whole: false },
  beta2: { option: 'beta2', low: 0, high: 0.999999, whole: false },
  epsilon: { option: 'epsilon', low: 1e-30, high: 1, whole: false },
  clip: { option: 'clip', low: 0, high: 1e6, whole: false },
  seed: { option: 'seed', low: 0, high: 0xffffffff, whole: true },
  evalEvery: { option: 'eval-every', low: 0, high: 1_000_000, whole: true },
  evalBatches: { option: 'eval-batches', low: 1, high: 100_000, whole: true },
  sharpnessEvery: { option: 'sharpness-every', low: 0, high: 1_000_000, whole: true },
  sampleLength: { option: 'sample', low: 0, high: 1_000_000, whole: true },
  growthInterval: { option: 'growth-interval', low: 1, high: 1e9, whole: true },
  amaxHistory: { option: 'amax-history', low: 1, high: 1024, whole: true },
  scaleMargin: { option: 'scale-margin', low: 0, high: 16, whole: true },
} as const satisfies Partial<Record<keyof TrainConfig, Range & { option: string }>>;

type RangedField = keyof typeof RANGES;
/** Every number of a configuration. */
export type NumberField = RangedField | Exclude<Dimension, 'vocabulary'> | 'lossScale';

/** What a number may be on its own; others of the configuration may narrow it. A loss scale is also a power of two. */
export function rangeOf(field: NumberField): Range {
  if (field === 'lossScale') return { low: 1, high: 2 ** 126, whole: true };
  return isDimension(field) ? SHAPE_RANGES[field] : RANGES[field];
}

function isDimension(field: NumberField): field is Exclude<Dimension, 'vocabulary'> {
  return Object.hasOwn(SHAPE_RANGES, field) && !Object.hasOwn(RANGES, field);
}

/** @throws EngineError BAD_VALUE or BAD_SHAPE when a number is outside its range, whatever the others are */
export function checkNumber(field: NumberField, value: number): void {
  if (field === 'lossScale') checkLossScale(value);
  else if (isDimension(field)) checkDimension(field, value);
  else checkRange(field, value);
}

function checkRange(field: RangedField, value: number): void {
  const { option, low, high, whole } = RANGES[field];
  if (Number.isFinite(value) && value >= low && value <= high && (!whole || Number.isInteger(value))) return;
  throw new EngineError(
    'BAD_VALUE',
    `${option} is ${value}.`,
    `It must be ${whole ? 'a whole number' : 'a number'} from ${low} to ${high}.`,
  );
}

/**
 * Refuses values that cannot train, before anything is allocated.
 * @throws EngineError BAD_VALUE or BAD_SHAPE naming the option, its value and the range
 */
export function checkConfig(config: TrainConfig, vocabulary = 1): void {
  checkShape(gptConfig(config, vocabulary));
  for (const field of Object.keys(RANGES) as RangedField[]) {
    const value = config[field];
    if (value !== null) checkRange(field, value);
  }
  checkChoices(config);
  checkMicroBatch(config);
  mostTokens(config.tokenizer);
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
  const recipe = recipeOf(config.precision);
  momentsOf(recipe, config.optimState);
  optimizerRule(config.optimizer, config.optimState);
  const { scaling } = recipe;
  if (config.rounding !== null && !isSimulatedMode(config.precision)) {
    throw new EngineError(
      'BAD_VALUE',
      `Mode ${config.precision} rounds to nearest even, but rounding ${config.rounding} was given.`,
      `Only simulated modes take a rounding: use ${SIMULATED_EXAMPLE}, or leave it out.`,
    );
  }
  checkQuantization(config);
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
}

/** Fields with a choice of words, under their options' names. */
const CHOICES = {
  optimizer: { option: 'optimizer', choices: OPTIMIZERS },
  recompute: { option: 'recompute', choices: RECOMPUTE_LEVELS },
  half: { option: 'f16', choices: ['auto', 'native', 'packed'] },
  order: { option: 'order', choices: ['random', 'sequential'] },
} as const satisfies Partial<Record<keyof TrainConfig, { option: string; choices: readonly string[] }>>;

/** @throws EngineError BAD_VALUE naming a choice that does not exist */
function checkChoices(config: TrainConfig): void {
  for (const [field, { option, choices }] of Object.entries(CHOICES)) {
    const value = config[field as keyof typeof CHOICES];
    if ((choices as readonly string[]).includes(value)) continue;
    throw new EngineError('BAD_VALUE', `There is no ${option} "${value}".`, suggestion(value, choices));
  }
  for (const [option, value] of Object.entries({ tied: config.tied, 'quantize-head': config.quantizeHead })) {
    if (typeof value === 'boolean') continue;
    throw new EngineError('BAD_VALUE', `${option} is "${value}".`, 'It must be true or false.');
  }
}

/** @throws EngineError BAD_VALUE where a batch cannot be cut into equal micro-batches */
function checkMicroBatch({ batch, microBatch }: TrainConfig): void {
  if (microBatch === null || batch % microBatch === 0) return;
  const divisors = Array.from({ length: Math.min(batch, microBatch) }, (_, i) => i + 1).filter(
    (size) => batch % size === 0,
  );
  throw new EngineError(
    'BAD_VALUE',
    `micro-batch is ${microBatch}, which does not divide the batch of ${batch}.`,
    `A batch is cut into equal parts: use a micro-batch of ${divisors.at(-1)}, or leave it out to compute the batch at once.`,
  );
}

/** @throws EngineError BAD_VALUE naming a setting of quantised modes that the mode does not take, or that has no such value */
function checkQuantization(config: TrainConfig): void {
  const { precision, width, quantizeHead, quantizeActivations, amaxHistory, amaxAlgorithm, scaleMargin } =
    config;
  const ofQuantized = {
    'quantize-head': quantizeHead,
    [`quantize-activations ${quantizeActivations}`]: quantizeActivations !== 'tensor',
  };
  for (const [option, given] of Object.entries(ofQuantized)) {
    if (!given || quantizesOperands(precision)) continue;
    throw new EngineError(
      'BAD_VALUE',
      `Mode ${precision} quantises no operands, but ${option} was given.`,
      `Use ${PRECISION_MODES.filter(quantizesOperands).join(' or ')}, or leave ${option.split(' ')[0]} out.`,
    );
  }
  if (!QUANTIZED_ACTIVATIONS.includes(quantizeActivations)) {
    throw new EngineError(
      'BAD_VALUE',
      `There is no quantize-activations "${quantizeActivations}".`,
      suggestion(quantizeActivations, QUANTIZED_ACTIVATIONS),
    );
  }
  if (quantizeActivations === '1x16' && width % ACTIVATION_GROUP !== 0) {
    throw new EngineError(
      'BAD_SHAPE',
      `quantize-activations 1x16 groups ${ACTIVATION_GROUP} channels, and width is ${width}.`,
      `Use a width that is a multiple of ${ACTIVATION_GROUP}, such as ${Math.ceil(width / ACTIVATION_GROUP) * ACTIVATION_GROUP}, or quantize-activations tensor.`,
    );
  }
  if (amaxAlgorithm !== null && !AMAX_ALGORITHMS.includes(amaxAlgorithm)) {
    throw new EngineError(
      'BAD_VALUE',
      `There is no amax-algo "${amaxAlgorithm}".`,
      suggestion(amaxAlgorithm, AMAX_ALGORITHMS),
    );
  }
  const ofDelayed = { 'amax-history': amaxHistory, 'amax-algo': amaxAlgorithm, 'scale-margin': scaleMargin };
  for (const [option, value] of Object.entries(ofDelayed)) {
    if (value === null || delaysScales(precision)) continue;
    throw new EngineError(
      'BAD_VALUE',
      `Mode ${precision} does not take scales from steps before, but ${option} ${value} was given.`,
      `Use ${PRECISION_MODES.filter(delaysScales).join(' or ')}, or leave ${option} out.`,
    );
  }
}
