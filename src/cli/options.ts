/** Arguments of `npm run train` to what is to be done. */
import {
  builtinText,
  configure,
  DEFAULT_PRESET,
  DEFAULT_TEXT,
  EngineError,
  EXPORT_FORMATS,
  type ExportFormat,
  isPresetOpen,
  keptWeights,
  type Overrides,
  type PresetName,
  presetOf,
  readSetting,
  type TextId,
  type TrainConfig,
  thereIsNo,
} from '../engine/index.ts';
import { readArguments, wholeNumber } from './arguments.ts';
import {
  DEFAULT_EXPORT_DTYPE,
  DEFAULT_SAVE_EVERY,
  FINAL_WEIGHTS,
  type FinalWeights,
  OPTIONS,
} from './optionTable.ts';

export type TextChoice =
  | { readonly kind: 'builtin'; readonly id: TextId }
  | { readonly kind: 'file'; readonly path: string };

/** Where the run's state is written, and when. */
export interface SaveChoice {
  readonly path: string;
  /** Steps between two saves; 0 saves only at the end. */
  readonly every: number;
}

/** Where the trained model is written, and in which numbers. */
export interface ExportChoice {
  readonly folder: string;
  readonly dtype: ExportFormat;
}

export type Command =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'train';
      readonly preset: PresetName;
      /** Whether the adapter decides the preset. */
      readonly presetOpen: boolean;
      /** Null where a file decides a part of it, with `init` and `resume`: what was given is checked with the rest there. */
      readonly config: TrainConfig | null;
      readonly given: Overrides;
      /** Path of the weights to start from. */
      readonly init: string | null;
      readonly exportTo: ExportChoice | null;
      /** Null where the command does not say. */
      readonly finalWeights: FinalWeights | null;
      /** Null for the text of the run that is gone on with. */
      readonly text: TextChoice | null;
      readonly json: boolean;
      /** Steps between lines on the error of narrow formats; 0 for none. */
      readonly numericsEvery: number;
      /** Samples spread over the run, the last at its end. */
      readonly samples: number;
      readonly save: SaveChoice | null;
      /** What is gone on with, and the options that were given beside it. */
      readonly resume: { readonly path: string; readonly given: ReadonlyMap<string, string> } | null;
    };

export type TrainCommand = Extract<Command, { kind: 'train' }>;

/**
 * @param args what follows the program's name
 * @throws EngineError of a usage code, naming the option and what it takes
 */
export function parseCommand(args: readonly string[]): Command {
  const given = readArguments('train', OPTIONS, args);
  if (given.has('help')) return { kind: 'help' };
  const preset = presetOf(given.get('preset') ?? DEFAULT_PRESET);
  const overrides = overridesOf(given);
  const init = given.get('init') ?? null;
  const resume = given.get('resume');
  if (init !== null && resume !== undefined) {
    throw new EngineError(
      'BAD_VALUE',
      `Both --init ${init} and --resume ${resume} were given.`,
      'A saved run has its own weights: leave one of them out.',
    );
  }
  return {
    kind: 'train',
    preset: preset.name,
    // What a run starts from has a shape of its own.
    presetOpen: isPresetOpen(given.has('preset'), overrides) && init === null && resume === undefined,
    config: init === null && resume === undefined ? configure(preset.config, overrides) : null,
    given: overrides,
    init,
    exportTo: exportChoice(given),
    finalWeights: finalWeights(given),
    text: resume === undefined || given.has('text') || given.has('data') ? textChoice(given) : null,
    json: given.has('json'),
    numericsEvery: numericsEvery(given),
    samples: wholeNumber('samples', given.get('samples') ?? '1', 1),
    save: saveChoice(given),
    resume: resume === undefined ? null : { path: resume, given },
  };
}

function exportChoice(given: ReadonlyMap<string, string>): ExportChoice | null {
  const folder = given.get('export');
  const dtype = given.get('export-dtype');
  if (folder === undefined) {
    if (dtype === undefined) return null;
    throw new EngineError(
      'BAD_VALUE',
      `--export-dtype ${dtype} was given without --export.`,
      'Add --export DIR, or leave it out.',
    );
  }
  return { folder, dtype: dtype === undefined ? DEFAULT_EXPORT_DTYPE : exportDtype(dtype) };
}

function exportDtype(value: string): ExportFormat {
  const found = EXPORT_FORMATS.find((dtype) => dtype === value);
  if (found) return found;
  throw thereIsNo('export-dtype', value, EXPORT_FORMATS);
}

function finalWeights(given: ReadonlyMap<string, string>): FinalWeights | null {
  const value = given.get('final-weights');
  const found = FINAL_WEIGHTS.find((weights) => weights === value);
  if (found || value === undefined) return found ?? null;
  throw thereIsNo('final-weights', value, FINAL_WEIGHTS);
}

/**
 * The weights that are exported and sampled at the end.
 * @param asked null where the command does not say
 * @throws EngineError BAD_VALUE for weights that the run does not keep
 */
export function finalWeightsOf(
  asked: FinalWeights | null,
  config: Pick<TrainConfig, 'emaDecay' | 'keepBest'>,
): FinalWeights {
  const kept = keptWeights(config);
  if (asked === null) return kept.includes('best') ? 'best' : 'trained';
  if (asked === 'averaged' && !kept.includes('average')) {
    throw new EngineError(
      'BAD_VALUE',
      '--final-weights averaged was given for a run that keeps no average of its weights: its ema-decay is 0.',
      'Train with --ema-decay 0.999, or leave it out.',
    );
  }
  if (asked === 'best' && !kept.includes('best')) {
    throw new EngineError(
      'BAD_VALUE',
      '--final-weights best was given for a run that keeps no best weights: it has no --keep-best.',
      'Train with --keep-best, or leave it out.',
    );
  }
  return asked;
}

function numericsEvery(given: ReadonlyMap<string, string>): number {
  const every = given.get('numerics-every');
  if (every === undefined) return 0;
  if (given.has('json')) return wholeNumber('numerics-every', every, 0);
  throw new EngineError(
    'BAD_VALUE',
    `--numerics-every ${every} was given without --json.`,
    'Add --json, whose lines it adds to, or leave it out.',
  );
}

function saveChoice(given: ReadonlyMap<string, string>): SaveChoice | null {
  const path = given.get('save');
  const every = given.get('save-every');
  if (path === undefined) {
    if (every === undefined) return null;
    throw new EngineError('BAD_VALUE', `--save-every ${every} was given without --save.`, 'Add --save FILE.');
  }
  return { path, every: every === undefined ? DEFAULT_SAVE_EVERY : wholeNumber('save-every', every, 0) };
}

/**
 * Only the values given, each checked on its own; what they are together is for `configure` to check.
 * @throws EngineError of a usage code
 */
export function overridesOf(given: ReadonlyMap<string, string>): Overrides {
  const values = OPTIONS.flatMap((option) => {
    const text = given.get(option.name);
    return option.kind !== 'setting' || text === undefined
      ? []
      : [[option.field, readSetting(option.field, text)]];
  });
  return Object.fromEntries(values);
}

/** @throws EngineError BAD_VALUE for an unknown text, and for two */
export function textChoice(given: ReadonlyMap<string, string>): TextChoice {
  const path = given.get('data');
  const id = given.get('text');
  if (path !== undefined && id !== undefined) {
    throw new EngineError(
      'BAD_VALUE',
      `Both --text ${id} and --data ${path} were given.`,
      'A run has one text: leave one of them out.',
    );
  }
  return path === undefined
    ? { kind: 'builtin', id: builtinText(id ?? DEFAULT_TEXT).id }
    : { kind: 'file', path };
}
