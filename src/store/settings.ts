import {
  choiceOfModel,
  comparedRuns,
  DEFAULT_PRESET,
  EngineError,
  FIELDS,
  type Field,
  fieldOfOption,
  hasFreeContext,
  isModelKind,
  isTaken,
  modelKinds,
  modeOfVariant,
  type NumberField,
  type OptionOf,
  type Overrides,
  type PlannedRun,
  PRESETS,
  type PrecisionMode,
  type PresetName,
  recipeOf,
  rowOf,
  TEXT_IDS,
  type TokenizerChoice,
  type TrainConfig,
  type VariantId,
  variantTitle,
  type WeightsShape,
  type WrittenValue,
  withoutUnused,
} from '../engine/index.ts';
import type { Schedule } from '../session/protocol.ts';

export const TEXT_CHOICES = [...TEXT_IDS, 'own'] as const;
export type TextChoice = (typeof TEXT_CHOICES)[number];

/** As many as colours, dashes and a table can tell apart. */
export const MAX_MODES = 4;
export const MAX_SEEDS = 5;

/** Settings that all modes of a comparison share; the modes are a setting of their own here. */
type Shared = Exclude<Field, 'precision'>;
export type NumberSetting = OptionOf<NumberField>;
/** Every setting whose value a preset gives, by the name of its option. */
export type PresetSetting = OptionOf<Shared>;
export type ChoiceSetting = Exclude<PresetSetting, NumberSetting>;
type Given = { readonly [Of in Shared as OptionOf<Of>]: WrittenValue<Of> | null };

const SHARED = FIELDS.filter((field) => field !== 'precision');
export const PRESET_SETTINGS = SHARED.map((field) => rowOf(field).option) as readonly PresetSetting[];

/** The field of a configuration that a setting sets. */
export function fieldOf(key: PresetSetting): Field {
  return fieldOfOption(key)!;
}

export function isNumber(key: PresetSetting): key is NumberSetting {
  return rowOf(fieldOf(key)).kind === 'number';
}

/** A configuration's value of a setting, as the settings write it. Null: what the mode says. */
export function settingIn(config: TrainConfig, key: PresetSetting): string | number | null {
  const row = rowOf(fieldOf(key));
  const value = config[fieldOf(key)];
  return row.kind === 'flag' ? (value === row.given ? '1' : '0') : (value as string | number | null);
}

/** What the visitor chose. Null leaves a value to the preset or the mode. The names are those of links and of the command line. */
export interface Settings extends Given {
  readonly preset: PresetName;
  /** Distinct modes and variants of them; the first is what the others are compared with. */
  readonly modes: readonly VariantId[];
  readonly schedule: Schedule;
  /** Every mode is trained from so many consecutive seeds. */
  readonly seeds: number;
  readonly text: TextChoice;
  /** The opened file whose weights runs start from; null for random ones. It decides the shape. */
  readonly init: InitialShape | null;
  /** Samples written in a run, spread over its steps, the last at its end. Has no field. */
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
export function givenByFile(settings: Settings, key: PresetSetting): number | string | null {
  const { init } = settings;
  if (!init) return null;
  switch (key) {
    case 'layers':
    case 'width':
    case 'heads':
      return init[key];
    case 'tokenizer':
      return init.tokenizer && choiceOfModel(init.tokenizer, settings.tokenizer);
    case 'ctx':
      return hasFreeContext(init) ? null : init.context;
    case 'untied':
      return init.tied ? '0' : '1';
    default: {
      const field = fieldOf(key);
      return isModelKind(field) ? shownValue(init[field]) : null;
    }
  }
}

function shownValue(value: boolean | number | string | null): number | string | null {
  return typeof value === 'boolean' ? Number(value).toString() : value;
}

function overridesOfFile({ init, heads, ctx, tokenizer: asked }: Settings): Overrides {
  if (!init) return {};
  const { layers, width, vocabulary, tied } = init;
  const context = hasFreeContext(init) ? (ctx ?? init.context) : init.context;
  const tokenizer = init.tokenizer ?? asked ?? init.likelyTokenizer;
  return {
    ...withoutUnused({ layers, width, context, vocabulary, tied, ...modelKinds(init) }),
    heads: init.heads ?? heads ?? init.usualHeads,
    ...(tokenizer && { tokenizer: choiceOfModel(tokenizer, asked) }),
  };
}

export interface Problem {
  readonly message: string;
  readonly hint: string;
}

/** Every value that a preset gives, left to it. */
const PRESETS_OWN = Object.fromEntries(PRESET_SETTINGS.map((key) => [key, null])) as Record<
  PresetSetting,
  null
>;

export const DEFAULT_SETTINGS: Settings = {
  ...PRESETS_OWN,
  preset: DEFAULT_PRESET,
  modes: ['fp16'],
  schedule: 'sequential',
  seeds: 1,
  text: 'moby-dick',
  init: null,
  samples: null,
};

export function scalesLoss(mode: VariantId): boolean {
  return recipeOf(modeOfVariant(mode)).scaling.kind !== 'none';
}

/** The precision modes of the settings, each once. */
export function modesOf({ modes }: Pick<Settings, 'modes'>): PrecisionMode[] {
  return [...new Set(modes.map(modeOfVariant))];
}

/** Whether the page has a field of it now: where a mode takes it and it has an effect, and where an address gave it although not. */
export function isShown(settings: Settings, key: PresetSetting): boolean {
  if (settings[key] !== null) return true;
  return modesOf(settings).some((mode) => isTaken(fieldOf(key), mode)) && !isUnused(settings, key);
}

/** The settings with values beside which others have no effect. */
const DISABLING = SHARED.filter((field) => rowOf(field).disables);

/** Whether a setting has no effect beside what is chosen for all modes, whatever single ones have in its place. */
function isUnused(settings: Settings, key: PresetSetting): boolean {
  const chosen = { ...PRESETS[settings.preset].config, ...overridesOf(settings) };
  return DISABLING.some((field) => rowOf(field).disables![String(chosen[field])]?.includes(fieldOf(key)));
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
  const given = PRESET_SETTINGS.flatMap((key) => {
    const value = settings[key];
    if (value === null) return [];
    const row = rowOf(fieldOf(key));
    return [[fieldOf(key), row.kind === 'flag' ? (value === '1') === row.given : value]];
  });
  return { ...Object.fromEntries(given), ...overridesOfFile(settings) };
}

/** What is wrong with the settings as a whole, in the engine's words; null when they can be tried. */
export function settingsProblem(settings: Settings): Problem | null {
  return (
    comparisonProblem(settings) ??
    samplesProblem(settings) ??
    vocabularyProblem(settings) ??
    contextProblem(settings) ??
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

function contextProblem({ ctx, init }: Settings): Problem | null {
  if (!init || !hasFreeContext(init) || ctx === null || ctx <= init.context) return null;
  return {
    message: `ctx is ${ctx}, but "${init.name}" has a context of ${init.context}.`,
    hint: `Use at most ${init.context}.`,
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
