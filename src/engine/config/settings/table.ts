/** The one table of settings: everything that defines a run apart from the text. */
import type { Range } from '../gptConfig.ts';
import { MODEL_ROWS } from './modelRows.ts';
import { PRECISION_ROWS, SCALING_ROWS } from './precisionRows.ts';
import type { AnyRow, SettingGroup, SettingRow } from './row.ts';
import { TRAINING_ROWS } from './trainingRows.ts';

// Variants of modes are spelled in this order; menus begin with a difference, so settings that the mode already determines come last.
export const SETTINGS = { ...PRECISION_ROWS, ...MODEL_ROWS, ...TRAINING_ROWS, ...SCALING_ROWS };

type Rows = typeof SETTINGS;
type ValueOf<Row> = Row extends SettingRow<infer Value> ? Value : never;

/** Everything that defines a run apart from the text. Plain data: it travels to the worker, into links and files. */
export type TrainConfig = { readonly [Field in keyof Rows]: ValueOf<Rows[Field]> };
export type Field = keyof TrainConfig;
/** Every number of a configuration. */
export type NumberField = {
  [Field in keyof Rows]: Rows[Field] extends { readonly kind: 'number' } ? Field : never;
}[keyof Rows];

/** The options, by field. */
export type OptionOf<Of extends Field> = Rows[Of]['option'];
/** Links write a flag as 0 or 1. */
export type WrittenValue<Of extends Field> = Rows[Of] extends { readonly kind: 'flag' }
  ? '0' | '1'
  : NonNullable<TrainConfig[Of]>;

export const FIELDS = Object.keys(SETTINGS) as readonly Field[];

/** The groups of `--help` and of the page, in their order. */
export const SETTING_GROUPS: Readonly<Record<SettingGroup, string>> = {
  run: 'Run',
  modes: 'Precision',
  model: 'Model',
  block: 'Blocks',
  training: 'Training',
  data: 'Data',
  quantization: 'Quantised operands',
  scaling: 'Loss scale and f16 storage',
};

export function rowOf(field: Field): AnyRow {
  return SETTINGS[field] as AnyRow;
}

/** What a number may be on its own; others of the configuration may narrow it. */
export function rangeOf(field: NumberField): Range {
  return SETTINGS[field];
}

export function isField(name: string): name is Field {
  return Object.hasOwn(SETTINGS, name);
}

/** The values that a preset has where it says nothing else. */
export const DEFAULTS = Object.fromEntries(
  FIELDS.map((field) => [field, SETTINGS[field].default]),
) as unknown as TrainConfig;

function byName(namesOf: (field: Field) => readonly string[]): Map<string, Field> {
  return new Map(FIELDS.flatMap((field) => namesOf(field).map((name) => [name, field])));
}

const byOption = byName((field) => [rowOf(field).option, ...(rowOf(field).formerly ?? [])]);
const byField = byName((field) => [field, ...(rowOf(field).formerly ?? [])]);

/** The setting that an option names, now or in an earlier version; undefined where there is none. */
export function fieldOfOption(name: string): Field | undefined {
  return byOption.get(name);
}

/** The names of an option, present and former. */
export function optionNames(field: Field): string[] {
  return [rowOf(field).option, ...(rowOf(field).formerly ?? [])];
}

/** Settings by field, under the names that fields have in this version. */
export function currentFields<Value>(stored: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(stored).map(([name, value]) => [byField.get(name) ?? name, value]),
  );
}
