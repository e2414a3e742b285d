/** Arguments of the command line to what is to be done. */
import { parseArgs } from 'node:util';
import { builtinText, DEFAULT_TEXT, type TextId } from '../engine/data/builtins.ts';
import { EngineError, nearest, suggestion } from '../engine/errors.ts';
import { PRESETS, type PresetName, presetOf } from '../engine/model/presets.ts';
import { recipeOf } from '../engine/precision/recipes.ts';
import { checkConfig, type TrainConfig } from '../engine/train/config.ts';
import { configure } from '../engine/train/configure.ts';
import { type NumberField, OPTIONS, type OptionSpec } from './optionTable.ts';

export type TextChoice =
  | { readonly kind: 'builtin'; readonly id: TextId }
  | { readonly kind: 'file'; readonly path: string };

export type Command =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'train';
      readonly preset: PresetName;
      readonly config: TrainConfig;
      readonly text: TextChoice;
      readonly json: boolean;
    };

export const DEFAULT_PRESET: PresetName = 'starter';

/**
 * @param args what follows the program's name
 * @throws EngineError of a usage code, naming the option and what it takes
 */
export function parseCommand(args: readonly string[]): Command {
  const given = readArguments(args);
  if (given.has('help')) return { kind: 'help' };
  const preset = presetOf(given.get('preset') ?? DEFAULT_PRESET);
  const overrides: Record<string, unknown> = given.has('untied') ? { tied: false } : {};
  for (const option of OPTIONS) {
    const value = given.get(option.name);
    if (value === undefined) continue;
    if (option.kind === 'number') overrides[option.field] = parseNumber(option.name, option.field, value);
    if (option.kind === 'choice') overrides[option.field] = parseChoice(option.name, option.choices, value);
  }
  return {
    kind: 'train',
    preset: preset.name,
    config: configure(preset.config, overrides),
    text: textChoice(given),
    json: given.has('json'),
  };
}

/** Option name to value; flags have the value ''. The last of repeated options counts. */
function readArguments(args: readonly string[]): Map<string, string> {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(OPTIONS.map((option) => [option.name, argumentType(option)])),
    allowPositionals: true,
    strict: false, // the errors of strict mode suggest nothing
    tokens: true,
  });
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') throw strayArgument(token.value);
    if (token.kind !== 'option') continue;
    const option = OPTIONS.find(({ name }) => name === token.name);
    if (!option) throw unknownOption(token.rawName);
    given.set(option.name, argumentValue(option, token.value));
  }
  return given;
}

function argumentType(option: OptionSpec): { type: 'boolean' | 'string'; short?: string } {
  if (option.kind !== 'flag') return { type: 'string' };
  return option.short ? { type: 'boolean', short: option.short } : { type: 'boolean' };
}

function argumentValue(option: OptionSpec, value: string | undefined): string {
  if (option.kind === 'flag') {
    if (value === undefined) return '';
    throw new EngineError(
      'BAD_VALUE',
      `--${option.name} takes no value, but got "${value}".`,
      'Give it alone.',
    );
  }
  // `--batch --steps 5`: parseArgs takes the next option for the value.
  if (value === undefined || value === '' || value.startsWith('--')) {
    const example = option.kind === 'file' ? `--${option.name} FILE` : `--${option.name} VALUE`;
    throw new EngineError('BAD_VALUE', `--${option.name} needs a value.`, `Write ${example}; see --help.`);
  }
  return value;
}

function unknownOption(raw: string): EngineError {
  const close = nearest(
    raw.replace(/^-+/, ''),
    OPTIONS.map(({ name }) => name),
  );
  return new EngineError(
    'UNKNOWN_OPTION',
    `There is no option "${raw}".`,
    close ? `Did you mean "--${close}"?` : 'See --help for all options.',
  );
}

function strayArgument(value: string): EngineError {
  return new EngineError(
    'UNKNOWN_OPTION',
    `"${value}" belongs to no option.`,
    'npm keeps options for itself unless they follow two dashes: npm run train -- --preset small.',
  );
}

function parseChoice(name: string, choices: readonly string[], value: string): string {
  if (name === 'precision') return recipeOf(value).id;
  if (choices.includes(value)) return value;
  throw new EngineError('BAD_VALUE', `--${name} is "${value}".`, suggestion(value, choices));
}

function parseNumber(name: string, field: NumberField, value: string): number {
  const power = field === 'lossScale' ? /^2\^(\d{1,3})$/.exec(value) : null;
  if (power) return 2 ** Number(power[1]);
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value)) return Number(value);
  throw new EngineError('BAD_VALUE', `--${name} is "${value}", which is not a number.`, rangeHint(field));
}

/** What the engine says about a field that is no number: the ranges are written down there only. */
function rangeHint(field: NumberField): string {
  try {
    checkConfig({ ...PRESETS[DEFAULT_PRESET].config, [field]: Number.NaN });
  } catch (error) {
    if (error instanceof EngineError) return error.hint;
    throw error;
  }
  return 'Give a number.';
}

function textChoice(given: ReadonlyMap<string, string>): TextChoice {
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
