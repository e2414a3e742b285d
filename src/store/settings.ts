import {
  AMAX_ALGORITHMS,
  choiceOfModel,
  comparedRuns,
  DEFAULT_PRESET,
  DELAYED_SCALING,
  EngineError,
  MLP_KINDS,
  modeOfVariant,
  NORM_KINDS,
  type NumberField,
  OPTIM_STATES,
  OPTIMIZERS,
  type Overrides,
  type PlannedRun,
  PRESETS,
  type PrecisionMode,
  type PresetName,
  QUANTIZED_ACTIVATIONS,
  RECOMPUTE_LEVELS,
  type Rounding,
  recipeOf,
  TEXT_IDS,
  type TokenizerChoice,
  type TrainConfig,
  type VariantId,
  variantTitle,
  type WeightsShape,
} from '../engine/index.ts';
import type { Schedule } from '../session/protocol.ts';

export const TEXT_CHOICES = [...TEXT_IDS, 'own'] as const;
export type TextChoice = (typeof TEXT_CHOICES)[number];

export const HALF_CHOICES = ['auto', 'native', 'packed'] as const;

/** As many as colours, dashes and a table can tell apart. */
export const MAX_MODES = 4;
export const MAX_SEEDS = 5;

/** Numbers that have a field, and what they set. The names are those of the address, as the command line has them. */
export const NUMBER_FIELDS = {
  layers: 'layers',
  heads: 'heads',
  width: 'width',
  ctx: 'context',
  vocab: 'vocabulary',
  batch: 'batch',
  accum: 'accumulation',
  'micro-batch': 'microBatch',
  steps: 'steps',
  lr: 'learningRate',
  'min-lr': 'minLearningRate',
  warmup: 'warmup',
  'weight-decay': 'weightDecay',
  beta2: 'beta2',
  clip: 'clip',
  seed: 'seed',
  'eval-every': 'evalEvery',
  'eval-batches': 'evalBatches',
  'sharpness-every': 'sharpnessEvery',
  lossScale: 'lossScale',
  growthInterval: 'growthInterval',
  'amax-history': 'amaxHistory',
  'scale-margin': 'scaleMargin',
} as const satisfies Record<string, NumberField>;
export type NumberSetting = keyof typeof NUMBER_FIELDS;
export const NUMBER_SETTINGS = Object.keys(NUMBER_FIELDS) as NumberSetting[];

/** Settings with a few values. Null leaves the choice to the preset. */
export const CHOICES = {
  /** 1: the output matrix is not shared with the token embedding. */
  untied: ['0', '1'],
  norm: NORM_KINDS,
  mlp: MLP_KINDS,
  /** Those that the page offers: an address may ask for any number of learned tokens. */
  tokenizer: ['char', 'byte', 'bpe:1024', 'bpe:4096', 'gpt2', 'gpt2-eot'],
  order: ['random', 'sequential'],
  /** 1: the LM head in FP8 too. */
  'quantize-head': ['0', '1'],
  'quantize-activations': QUANTIZED_ACTIVATIONS,
  'amax-algo': AMAX_ALGORITHMS,
  recompute: RECOMPUTE_LEVELS,
  optimizer: OPTIMIZERS,
  'optim-state': OPTIM_STATES,
} as const;
export type ChoiceSetting = keyof typeof CHOICES;
/** What the choices set, but for those that are yes or no: {@link choiceIn}. */
const CHOICE_FIELDS = {
  norm: 'norm',
  mlp: 'mlp',
  tokenizer: 'tokenizer',
  order: 'order',
  recompute: 'recompute',
  optimizer: 'optimizer',
  'optim-state': 'optimState',
  'quantize-activations': 'quantizeActivations',
  'amax-algo': 'amaxAlgorithm',
} as const satisfies Record<Exclude<ChoiceSetting, 'untied' | 'quantize-head'>, keyof TrainConfig>;

/** A configuration's value of a choice, as the settings name it. */
export function choiceIn(config: TrainConfig, key: ChoiceSetting): string {
  if (key === 'untied') return config.tied ? '0' : '1';
  if (key === 'quantize-head') return config.quantizeHead ? '1' : '0';
  return config[CHOICE_FIELDS[key]] ?? DELAYED_SCALING.algorithm;
}

export const CHOICE_SETTINGS = Object.keys(CHOICES) as ChoiceSetting[];

/** What the visitor chose. Null leaves a value to the preset or the mode. The names are those of the address. */
export interface Settings
  extends Readonly<Record<NumberSetting, number | null>>,
    Readonly<Record<'tokenizer', TokenizerChoice | null>>,
    Readonly<{ [Key in Exclude<ChoiceSetting, 'tokenizer'>]: (typeof CHOICES)[Key][number] | null }> {
  readonly preset: PresetName;
  /** Distinct modes and variants of them; the first is what the others are compared with. */
  readonly modes: readonly VariantId[];
  readonly schedule: Schedule;
  /** Every mode is trained from so many consecutive seeds. */
  readonly seeds: number;
  readonly text: TextChoice;
  readonly f16: TrainConfig['half'];
  /** Of simulated modes; null leaves it to them. */
  readonly rounding: Rounding | null;
  /** The opened file whose weights runs start from; null for random ones. It decides the shape. */
  readonly init: InitialShape | null;
  /** Tokens of the sample at the end. Has no field: machines that only want figures set it to 0. */
  readonly sample: number | null;
  /** Samples written in a run, spread over its steps, the last at its end. Has no field either. */
  readonly samples: number | null;
}

/** What a file of weights decides. */
export interface InitialShape extends WeightsShape {
  /** Of the file, in the worker. */
  readonly id: number;
  readonly name: string;
  /** Null where the file does not say: then the settings do, or 64 channels a head. */
  readonly heads: number | null;
  readonly usualHeads: number;
  /** Null where the settings decide. */
  readonly tokenizer: TokenizerChoice | null;
  /** What holds where they leave it. */
  readonly likelyTokenizer: TokenizerChoice | null;
}

/** What the file of weights has for a setting, as its field shows it; null where the setting decides. */
export function givenByFile(settings: Settings, key: NumberSetting | ChoiceSetting): number | string | null {
  const { init } = settings;
  if (!init) return null;
  switch (key) {
    case 'layers':
    case 'width':
    case 'heads':
    case 'norm':
    case 'mlp':
      return init[key];
    case 'tokenizer':
      return init.tokenizer && choiceOfModel(init.tokenizer, settings.tokenizer);
    case 'ctx':
      return init.context;
    case 'untied':
      return init.tied ? '0' : '1';
    default:
      return null;
  }
}

function overridesOfFile({ init, heads, tokenizer: asked }: Settings): Overrides {
  if (!init) return {};
  const { layers, width, context, vocabulary, tied, norm, mlp } = init;
  const tokenizer = init.tokenizer ?? asked ?? init.likelyTokenizer;
  return {
    ...{ layers, width, context, vocabulary, tied, norm, mlp },
    heads: init.heads ?? heads ?? init.usualHeads,
    ...(tokenizer && { tokenizer: choiceOfModel(tokenizer, asked) }),
  };
}

export interface Problem {
  readonly message: string;
  readonly hint: string;
}

/** Every value that a preset gives, left to it. */
const PRESETS_OWN = Object.fromEntries(
  [...NUMBER_SETTINGS, ...CHOICE_SETTINGS].map((key) => [key, null]),
) as Record<NumberSetting | ChoiceSetting, null>;

export const DEFAULT_SETTINGS: Settings = {
  ...PRESETS_OWN,
  preset: DEFAULT_PRESET,
  modes: ['fp16'],
  schedule: 'sequential',
  seeds: 1,
  text: 'moby-dick',
  f16: 'auto',
  rounding: null,
  init: null,
  sample: null,
  samples: null,
};

export function scalesLoss(mode: VariantId): boolean {
  return recipeOf(modeOfVariant(mode)).scaling.kind !== 'none';
}

/** The precision modes of the settings, each once. */
export function modesOf({ modes }: Pick<Settings, 'modes'>): PrecisionMode[] {
  return [...new Set(modes.map(modeOfVariant))];
}

/**
 * What the settings train, as a comparison plans it.
 * @throws EngineError where the settings cannot be right
 */
export function runsOf(settings: Settings): PlannedRun[] {
  const { preset, modes, seeds } = settings;
  return comparedRuns(PRESETS[preset].config, overridesOf(settings), modes, seeds);
}

/**
 * The configurations of {@link runsOf}.
 * @throws EngineError where the settings cannot be right
 */
export function configsOf(settings: Settings): TrainConfig[] {
  return runsOf(settings).map(({ config }) => config);
}

/** What Train would start first; the preset's where the settings cannot be right. */
export function firstConfig(settings: Settings): TrainConfig {
  const { config } = PRESETS[settings.preset];
  if (settingsProblem(settings)) return { ...config, precision: modesOf(settings)[0] ?? config.precision };
  return configsOf(settings)[0]!;
}

/** The values of a configuration that the visitor gave; modes and seeds are the comparison's. */
export function overridesOf(settings: Settings): Overrides {
  const { f16: half, rounding, untied, norm, mlp, tokenizer, order, recompute, optimizer, sample } = settings;
  const { 'optim-state': optimState, 'quantize-head': quantizeHead, 'amax-algo': amaxAlgorithm } = settings;
  const { 'quantize-activations': quantizeActivations } = settings;
  const overrides: Partial<Record<NumberField | 'sampleLength', number>> = {};
  for (const key of NUMBER_SETTINGS) {
    const value = settings[key];
    if (value !== null) overrides[NUMBER_FIELDS[key]] = value;
  }
  if (sample !== null) overrides.sampleLength = sample;
  return {
    ...overrides,
    half,
    ...(rounding !== null && { rounding }),
    ...(untied !== null && { tied: untied === '0' }),
    ...(norm !== null && { norm }),
    ...(mlp !== null && { mlp }),
    ...(quantizeHead !== null && { quantizeHead: quantizeHead === '1' }),
    ...(quantizeActivations !== null && { quantizeActivations }),
    ...(amaxAlgorithm !== null && { amaxAlgorithm }),
    ...(tokenizer !== null && { tokenizer }),
    ...(order !== null && { order }),
    ...(recompute !== null && { recompute }),
    ...(optimizer !== null && { optimizer }),
    ...(optimState !== null && { optimState }),
    ...overridesOfFile(settings),
  };
}

/** What is wrong with the settings as a whole, in the engine's words; null when they can be tried. */
export function settingsProblem(settings: Settings): Problem | null {
  return (
    comparisonProblem(settings) ??
    samplesProblem(settings) ??
    vocabularyProblem(settings) ??
    problemOf(() => configsOf(settings))
  );
}

/** The file decides it: given again, it says that a text of fewer tokens is to be filled up. */
function vocabularyProblem({ vocab, init }: Settings): Problem | null {
  if (!init || vocab === null || vocab === init.vocabulary) return null;
  return {
    message: `vocab is ${vocab}, but "${init.name}" has ${init.vocabulary} tokens.`,
    hint: `Leave it out; ${init.vocabulary} lets a text of fewer tokens be filled up to them.`,
  };
}

function comparisonProblem({ modes, seeds }: Settings): Problem | null {
  const twice = modes.find((mode, i) => modes.indexOf(mode) !== i);
  if (twice) {
    return {
      message: `A comparison of ${variantTitle(twice)} with itself shows nothing.`,
      hint: 'Choose another mode to compare with, or none.',
    };
  }
  if (modes.length < 1 || modes.length > MAX_MODES) {
    return {
      message: `${modes.length} modes were chosen.`,
      hint: `Train from 1 to ${MAX_MODES} modes at a time.`,
    };
  }
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > MAX_SEEDS) {
    return { message: `seeds is ${seeds}.`, hint: `It must be a whole number from 1 to ${MAX_SEEDS}.` };
  }
  return null;
}

const MOST_SAMPLES = 100;

function samplesProblem({ samples }: Settings): Problem | null {
  if (samples === null || (Number.isInteger(samples) && samples >= 1 && samples <= MOST_SAMPLES)) return null;
  return { message: `samples is ${samples}.`, hint: `It must be a whole number from 1 to ${MOST_SAMPLES}.` };
}

/** What the engine has against it; null when nothing. */
export function problemOf(check: () => unknown): Problem | null {
  try {
    check();
    return null;
  } catch (cause) {
    if (cause instanceof EngineError) return { message: cause.message, hint: cause.hint };
    throw cause;
  }
}
