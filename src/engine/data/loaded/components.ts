/** Helpers for the components of a `tokenizer.json`. */
import { type JsonObject, type JsonValue, quote } from '../../core/strictJson.ts';

/** Says why a `tokenizer.json` cannot be used, as a predicate of "the tokenizer.json". */
export class TokenizerProblem extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(what, options);
    this.name = 'TokenizerProblem';
  }
}

/** The components of a value that may be null, one component or a `Sequence` of them. */
export function flatten(value: JsonValue | undefined, key: string, listKey: string): readonly JsonObject[] {
  if (value === undefined || value === null) return [];
  if (!(value instanceof Map)) throw new TokenizerProblem(`has a ${key} that is not an object`);
  if (typeOf(value) !== 'Sequence') return [value];
  const list = value.get(listKey);
  if (!Array.isArray(list)) throw new TokenizerProblem(`has a ${key} Sequence without ${listKey}`);
  return list.flatMap((each: JsonValue) => flatten(each, key, listKey));
}

export function typeOf(component: JsonObject): string {
  const type = component.get('type');
  return typeof type === 'string' ? type : 'without a type';
}

/** @throws TokenizerProblem when a value of the component is none of those allowed */
export function only(object: JsonObject, key: string, allowed: readonly (JsonValue | undefined)[]): void {
  const value = object.get(key);
  if (allowed.includes(value)) return;
  const shown = typeof value === 'string' ? quote(value) : value instanceof Map ? 'an object' : String(value);
  throw new TokenizerProblem(`has ${key} ${shown}, which is not supported`);
}

/** The text of `{ "String": text }`; null for patterns of another kind. */
export function literalOf(pattern: JsonValue | undefined): string | null {
  const text = pattern instanceof Map ? pattern.get('String') : undefined;
  return typeof text === 'string' ? text : null;
}
