/** The small JSON files that lie beside weights: `config.json` and `tokenizer.json`. */
import { EngineError } from '../core/errors.ts';
import { type JsonObject, JsonProblem, type JsonValue, parseStrictJson, quote } from '../core/strictJson.ts';
import { type RandomAccess, readExactly } from './randomAccess.ts';

/** Null where there is none. */
export interface FilesBeside {
  readonly config: RandomAccess | null;
  readonly tokenizer: RandomAccess | null;
}

/** Why a file is not what the weights need, in words that go on "the config.json beside it". */
export class BesideProblem extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(what, options);
    this.name = 'BesideProblem';
  }
}

/** Of other programs' files too: theirs are a few levels deep. */
const MAX_DEPTH = 16;

/**
 * A JSON object in UTF-8, with or without a byte order mark. NaN, Infinity and -Infinity are read, since Python writes
 * them: whoever uses a value has to check it.
 * @param most bytes that are read
 * @throws BesideProblem saying what else it is; EngineError BAD_FILE when the file cannot be read
 */
export async function readObject(source: RandomAccess, most: number): Promise<JsonObject> {
  if (source.size > most) throw new BesideProblem(`has ${source.size} bytes, and at most ${most} are read`);
  const bytes = await readExactly(source, 0, source.size);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new BesideProblem('is not UTF-8', { cause });
  }
  let value: JsonValue;
  try {
    value = parseStrictJson(text, MAX_DEPTH, { python: true });
  } catch (cause) {
    if (!(cause instanceof JsonProblem)) throw cause;
    throw new BesideProblem(`is not JSON at character ${cause.offset}: ${cause.message}`, { cause });
  }
  if (value instanceof Map) return value;
  throw new BesideProblem('is no JSON object');
}

/** A value as a message quotes it. */
export function said(value: JsonValue | undefined): string {
  if (typeof value === 'string') return quote(value);
  if (value instanceof Map) return 'an object';
  if (Array.isArray(value)) return 'a list';
  return String(value);
}

/** @returns the error that refuses weights for a file beside them */
export function wrongBeside(
  file: string,
  beside: string,
  { message, cause }: Error,
  hint: string,
): EngineError {
  return new EngineError('WRONG_MODEL', `The ${beside} beside "${file}" ${message}.`, hint, { cause });
}
