/** Values of settings: which are right, what is said of wrong ones, and how they are written as text. */
import { EngineError, type ErrorCode, nearest, suggestion } from '../../core/errors.ts';
import { writtenNumber } from '../../core/writtenNumber.ts';
import type { AnyRow, NumberRow } from './row.ts';
import { FIELDS, type Field, rowOf, type TrainConfig } from './table.ts';

/** Whether a setting can have the value, whatever the others are. */
export function isValue(field: Field, value: unknown): boolean {
  const row = rowOf(field);
  if (value === null || !isOfItsType(field, value)) return value === null && row.default === null;
  switch (row.kind) {
    case 'number':
      return isNumberOf(row, value as number);
    case 'choice':
      return Object.hasOwn(row.titles, value as string);
    case 'name':
      return thrownBy(() => row.check(value as string)) === null;
    case 'flag':
      return true;
  }
}

function isNumberOf({ low, high, whole, check }: NumberRow, value: number): boolean {
  // Nothing that is not finite lies in a range.
  const isInRange = value >= low && value <= high && (!whole || Number.isInteger(value));
  return isInRange && thrownBy(() => check?.(value)) === null;
}

/** @throws EngineError naming the option, the value and what it may be, whatever the other settings are */
export function checkSetting(field: Field, value: unknown): void {
  if (!isValue(field, value)) throw refusal(rowOf(field), value);
}

const TYPES = { number: 'number', choice: 'string', name: 'string', flag: 'boolean' } as const;

/** Whether the value is one of JavaScript's type that the setting has, or null where it may be. */
export function isOfItsType(field: Field, value: unknown): boolean {
  const row = rowOf(field);
  return value === null ? row.default === null : typeof value === TYPES[row.kind];
}

/** @throws EngineError for the first value of a configuration that is wrong on its own */
export function checkValues(config: TrainConfig): void {
  for (const field of FIELDS) checkSetting(field, config[field]);
}

/**
 * @param names of what there is where `name` was given: options, or fields
 * @param command whose `--help` lists them
 */
export function unknownSetting(
  name: string,
  names: readonly string[],
  code: ErrorCode = 'BAD_VALUE',
  command = 'train',
): EngineError {
  const written = shortened(name);
  const field = FIELDS.find((one) => inDashes(one) === inDashes(written));
  const option = field && rowOf(field).option;
  const close = option && names.includes(option) ? option : nearest(written, names);
  const all =
    names.length > 16
      ? `npm run ${command} -- --help lists all of them.`
      : `Choose one of: ${names.join(', ')}.`;
  return new EngineError(code, `There is no setting "${written}".`, close ? `Did you mean "${close}"?` : all);
}

/** Configuration files and other trainers spell options as the fields that they set: learningRate, learning_rate. */
function inDashes(name: string): string {
  return name.replace(/[A-Z]/g, '-$&').replaceAll('_', '-').toLowerCase();
}

/**
 * The one sentence about a wrong value, whichever way it came in, and what would do.
 * @param written the value as it was given: a long whole number is rounded when it is read
 */
function refusal(row: AnyRow, value: unknown, written = String(value)): EngineError {
  switch (row.kind) {
    case 'number':
      return numberRefusal(row, value, written);
    case 'choice':
      return thereIsNo(row.option, String(value), Object.keys(row.titles));
    case 'flag':
      return new EngineError(
        'BAD_VALUE',
        `${row.option} is "${shortened(value)}".`,
        'It is a switch: on or off.',
      );
    case 'name':
      return (
        thrownBy(() => row.check(shortened(value))) ??
        thereIsNo(row.option, String(value), Object.keys(row.titles))
      );
  }
}

function numberRefusal(row: NumberRow, value: unknown, written: string): EngineError {
  const code = row.code ?? 'BAD_VALUE';
  const hint = `It must be ${row.whole ? 'a whole number' : 'a number'} from ${row.low} to ${row.high}.`;
  if (typeof value !== 'number') {
    return new EngineError(
      'BAD_VALUE',
      `${row.option} is "${shortened(value)}", which is not a number.`,
      hint,
    );
  }
  return (
    thrownBy(() => row.check?.(value)) ??
    new EngineError(code, `${row.option} is ${shortened(written)}.`, hint)
  );
}

/** Of a choice among names: a setting's, or another's that is read as one. */
export function thereIsNo(option: string, value: string, values: readonly string[]): EngineError {
  const written = shortened(value);
  return new EngineError('BAD_VALUE', `There is no ${option} "${written}".`, suggestion(written, values));
}

function thrownBy(check: () => unknown): EngineError | null {
  try {
    check();
    return null;
  } catch (cause) {
    if (cause instanceof EngineError) return cause;
    throw cause;
  }
}

/** Links and files can be made by anyone: what is quoted of them stays short. */
export function shortened(value: unknown): string {
  const text = String(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

const SWITCH: Readonly<Record<string, boolean>> = {
  ...{ '': true, on: true, '1': true, true: true },
  ...{ off: false, '0': false, false: false },
};

/**
 * The value that an option, a link or a variant of a mode writes so.
 * @throws EngineError as {@link checkSetting}
 */
export function readSetting(field: Field, text: string): string | number | boolean {
  const row = rowOf(field);
  let value: string | number | boolean = text;
  if (row.kind === 'number') value = writtenNumber(text.trim()) ?? text;
  if (row.kind === 'flag' && Object.hasOwn(SWITCH, text)) value = SWITCH[text] === row.given;
  if (!isValue(field, value)) throw refusal(row, value, text.trim());
  return value;
}

/** As {@link readSetting} reads it, in the one spelling of variants: digits in full, without the sign that separates settings. */
export function writeSetting(field: Field, value: string | number | boolean): string {
  const row = rowOf(field);
  if (row.kind === 'flag') return value === row.given ? 'on' : 'off';
  return Number.isInteger(value) ? BigInt(value).toString() : String(value);
}
