/** Reads a command's arguments by its option table. What values mean is for the command to say. */
import { parseArgs } from 'node:util';
import {
  EngineError,
  fieldOfOption,
  optionNames,
  type PrecisionMode,
  readVariant,
  recipeOf,
  rowOf,
  suggestion,
  unknownSetting,
  type VariantId,
} from '../engine/index.ts';
import type { OptionSpec } from './optionTable.ts';

/**
 * Option name to value; flags have the value ''. The last of repeated options counts.
 * @param command as in `npm run train`, for messages
 * @throws EngineError UNKNOWN_OPTION or BAD_VALUE
 */
export function readArguments(
  command: string,
  options: readonly OptionSpec[],
  args: readonly string[],
): Map<string, string> {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(options.flatMap(argumentTypes)),
    allowPositionals: true,
    strict: false, // the errors of strict mode suggest nothing
    tokens: true,
  });
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') throw strayArgument(command, token.value);
    if (token.kind !== 'option') continue;
    const option = optionCalled(options, token.name);
    if (!option) throw unknownOption(command, token.rawName, options);
    given.set(option.name, argumentValue(option, token.value, token.inlineValue));
  }
  return given;
}

/** By each name that the option has or had. */
function argumentTypes(option: OptionSpec): [string, ArgumentType][] {
  const names = option.kind === 'setting' ? optionNames(option.field) : [option.name];
  return names.map((name) => [name, argumentType(option)]);
}

interface ArgumentType {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
}

function argumentType(option: OptionSpec): ArgumentType {
  if (!isSwitch(option)) return { type: 'string' };
  return 'short' in option && option.short ? { type: 'boolean', short: option.short } : { type: 'boolean' };
}

/** Whether it is given by its name alone. */
function isSwitch(option: OptionSpec): boolean {
  return option.kind === 'flag' || (option.kind === 'setting' && rowOf(option.field).kind === 'flag');
}

function optionCalled(options: readonly OptionSpec[], name: string): OptionSpec | undefined {
  const field = fieldOfOption(name);
  return options.find((option) =>
    option.kind === 'setting' ? option.field === field : option.name === name,
  );
}

/** Placeholders of values in messages. */
const WORDS: Partial<Record<OptionSpec['kind'], string>> = { file: 'FILE', folder: 'DIR', text: 'TEXT' };

function argumentValue(option: OptionSpec, value: string | undefined, isInline = false): string {
  if (option.kind === 'text' && isInline && value !== undefined) return value;
  if (isSwitch(option)) {
    if (value === undefined) return '';
    throw new EngineError(
      'BAD_VALUE',
      `--${option.name} takes no value, but got "${value}".`,
      'Give it alone.',
    );
  }
  // `--batch --steps 5`: parseArgs takes the next option for the value.
  if (value === undefined || value === '' || value.startsWith('--')) {
    const word = WORDS[option.kind] ?? 'VALUE';
    throw new EngineError(
      'BAD_VALUE',
      `--${option.name} needs a value.`,
      `Write --${option.name} ${word}; see --help.`,
    );
  }
  return value;
}

function unknownOption(command: string, raw: string, options: readonly OptionSpec[]): EngineError {
  const names = options.map(({ name }) => name);
  return unknownSetting(raw.replace(/^-+/, ''), names, 'UNKNOWN_OPTION', command);
}

function strayArgument(command: string, value: string): EngineError {
  return new EngineError(
    'UNKNOWN_OPTION',
    `"${value}" belongs to no option.`,
    `npm keeps options for itself unless they follow two dashes: npm run ${command} -- --preset small.`,
  );
}

/**
 * A comma-separated list of precision modes.
 * @throws EngineError UNKNOWN_MODE naming the first that is not known, and the nearest that is
 */
export function modeList(value: string): readonly PrecisionMode[] {
  return value.split(',').map((item) => recipeOf(item).id);
}

/**
 * A comma-separated list of precision modes and variants of them, each in its one spelling.
 * @throws EngineError UNKNOWN_MODE or BAD_VALUE naming the first that is not right
 */
export function variantList(value: string): readonly VariantId[] {
  return value.split(',').map(readVariant);
}

/**
 * A comma-separated list of names; `all` where the option is not given.
 * @throws EngineError BAD_VALUE naming the first that is not known, and the nearest that is
 */
export function listOf<T extends string>(
  name: string,
  value: string | undefined,
  all: readonly T[],
): readonly T[] {
  if (value === undefined) return all;
  const known = (item: string): item is T => (all as readonly string[]).includes(item);
  return value.split(',').map((item) => {
    if (known(item)) return item;
    throw new EngineError('BAD_VALUE', `--${name} has "${item}".`, suggestion(item, all));
  });
}

/** @throws EngineError BAD_VALUE naming the option */
export function decimalNumber(name: string, value: string): number {
  if (/^-?(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(value)) return Number(value);
  throw new EngineError('BAD_VALUE', `--${name} is "${value}".`, 'Give a number, such as 0.8.');
}

/** @throws EngineError BAD_VALUE naming the option */
export function wholeNumber(name: string, value: string, least = 1): number {
  if (/^\d{1,9}$/.test(value) && Number(value) >= least) return Number(value);
  throw new EngineError('BAD_VALUE', `--${name} is "${value}".`, `Give a whole number of at least ${least}.`);
}
