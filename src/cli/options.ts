/** Arguments of `npm run train` to what is to be done. */
import {
  builtinText,
  checkNumber,
  configure,
  DEFAULT_PRESET,
  DEFAULT_TEXT,
  EngineError,
  EXPORT_DTYPES,
  type ExportDtype,
  isPresetOpen,
  type NumberField,
  type Overrides,
  type PresetName,
  presetOf,
  recipeOf,
  suggestion,
  type TextId,
  type TrainConfig,
} from '../engine/index.ts';
import { readArguments, wholeNumber } from './arguments.ts';
import { DEFAULT_EXPORT_DTYPE, DEFAULT_SAVE_EVERY, OPTIONS } from './optionTable.ts';

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
  readonly dtype: ExportDtype;
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
      /** Null for the text of the run that is gone on with. */
      readonly text: TextChoice | null;
      readonly json: boolean;
      /** Steps between lines on the error of narrow formats; 0 for none. */
      readonly numericsEvery: number;
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
    text: resume === undefined || given.has('text') || given.has('data') ? textChoice(given) : null,
    json: given.has('json'),
    numericsEvery: numericsEvery(given),
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
  return {
    folder,
    dtype: parseChoice('export-dtype', EXPORT_DTYPES, dtype ?? DEFAULT_EXPORT_DTYPE) as ExportDtype,
  };
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

function parseChoice(name: string, choices: readonly string[], value: string): string {
  if (name === 'precision') return recipeOf(value).id;
  if (choices.includes(value)) return value;
  // How many tokens is checked with the rest of the configuration.
  if (name === 'tokenizer' && value.startsWith('bpe:')) return value;
  throw new EngineError('BAD_VALUE', `--${name} is "${value}".`, suggestion(value, choices));
}

function parseNumber(name: string, field: NumberField, value: string): number {
  const power = field === 'lossScale' ? /^2\^(\d{1,3})$/.exec(value) : null;
  const isNumber = power || /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value);
  if (!isNumber) {
    throw new EngineError('BAD_VALUE', `--${name} is "${value}", which is not a number.`, rangeHint(field));
  }
  const number = power ? 2 ** Number(power[1]) : Number(value);
  checkNumber(field, number);
  return number;
}

/**
 * Only the values given. Of a number its own range is checked; what the values are together is for `configure` to check.
 * @throws EngineError of a usage code
 */
export function overridesOf(given: ReadonlyMap<string, string>): Overrides {
  const overrides: Record<string, unknown> = {
    ...(given.has('untied') && { tied: false }),
    ...(given.has('quantize-head') && { quantizeHead: true }),
  };
  for (const option of OPTIONS) {
    const value = given.get(option.name);
    if (value === undefined) continue;
    if (option.kind === 'number') overrides[option.field] = parseNumber(option.name, option.field, value);
    if (option.kind === 'choice') overrides[option.field] = parseChoice(option.name, option.choices, value);
  }
  return overrides;
}

/** What the engine says about a field that is no number: the ranges are written down there only. */
function rangeHint(field: NumberField): string {
  try {
    checkNumber(field, Number.NaN);
  } catch (error) {
    if (error instanceof EngineError) return error.hint;
    throw error;
  }
  return 'Give a number.';
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
