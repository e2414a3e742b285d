/** Checks objects that programs pass, and refuses unknown keys and values of the wrong type by name. */
import { EngineError, suggestion } from './errors.ts';

const TYPES = {
  function: 'a function',
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  /** Any value; the caller checks it further. */
  any: 'there',
} as const;
type TypeName = keyof typeof TYPES;
/** The required type of a value. With a question mark it may be missing or undefined. */
export type OptionType = TypeName | `${TypeName}?`;

/**
 * @param what name of the object, for messages
 * @throws EngineError BAD_VALUE naming the key, and suggesting the nearest existing one
 */
export function checkOptions(
  what: string,
  options: unknown,
  types: Readonly<Record<string, OptionType>>,
): void {
  checkObject(what, options, `It has ${Object.keys(types).join(', ')}.`);
  for (const key of Object.keys(options)) {
    if (Object.hasOwn(types, key)) continue;
    throw badValue(`${what} has no "${key}".`, suggestion(key, Object.keys(types)));
  }
  for (const [key, type] of Object.entries(types)) {
    const value = (options as Readonly<Record<string, unknown>>)[key];
    if (value === undefined && type.endsWith('?')) continue;
    const wanted = type.replace('?', '') as TypeName;
    if (isOf(wanted, value)) continue;
    const found = value === undefined ? `lacks ${key}` : `has ${key} ${inWords(value)}`;
    throw badValue(`${what} ${found}.`, `It must be ${TYPES[wanted]}.`);
  }
}

function isOf(type: TypeName, value: unknown): boolean {
  if (type === 'any') return value !== undefined;
  return typeof value === type && value !== null;
}

/** @throws EngineError BAD_VALUE when the value is not an object, or is a list or a promise */
export function checkObject(what: string, value: unknown, hint: string): asserts value is object {
  const isPlain = typeof value === 'object' && value !== null;
  if (isPlain && !Array.isArray(value) && !(value instanceof Promise)) return;
  throw badValue(`${what} is ${inWords(value)}.`, hint);
}

/** Describes a value for a message. */
export function inWords(value: unknown): string {
  if (typeof value === 'string') return `"${value.slice(0, 40)}"`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return 'a list';
  return value instanceof Promise ? 'a promise that was not awaited' : 'an object';
}

export function badValue(message: string, hint: string): EngineError {
  return new EngineError('BAD_VALUE', message, hint);
}
