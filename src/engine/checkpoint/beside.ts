/** Companion files: `config.json`, `tokenizer.json` and `generation_config.json`, which lie beside a file of weights. */
import { EngineError } from '../core/errors.ts';
import { type JsonObject, JsonProblem, type JsonValue, parseStrictJson, quote } from '../core/strictJson.ts';
import { type RandomAccess, readExactly } from './randomAccess.ts';

/** Each is null when there is no such file. */
export interface CompanionFiles {
  readonly config: RandomAccess | null;
  readonly tokenizer: RandomAccess | null;
  /** The `generation_config.json`, which names the tokens that end a text. */
  readonly generation?: RandomAccess | null;
  /** Opens a shard that lies beside an index; null when there is none of that name. Absent where there is no folder. */
  readonly shard?: (name: string) => Promise<RandomAccess | null>;
}

/** Says why a companion file does not fit the weights, as a predicate of "the config.json beside it". */
export class CompanionFileError extends Error {
  /** What the user can do, where that is special to the problem. */
  readonly hint: string | null;

  constructor(what: string, { hint, ...options }: ErrorOptions & { readonly hint?: string } = {}) {
    super(what, options);
    this.name = 'CompanionFileError';
    this.hint = hint ?? null;
  }
}

/** Nesting depth that is read. Files of other programs are a few levels deep. */
const MAX_DEPTH = 16;

/**
 * Reads a JSON object in UTF-8, with or without a byte order mark. It accepts NaN, Infinity and -Infinity because Python
 * writes them, so callers must check numbers.
 * @param maxBytes largest accepted size of the file
 * @throws CompanionFileError when the file is not such an object; EngineError BAD_FILE when it cannot be read
 */
export async function readObject(source: RandomAccess, maxBytes: number): Promise<JsonObject> {
  if (source.size > maxBytes) {
    throw new CompanionFileError(`has ${source.size} bytes; at most ${maxBytes} are read`);
  }
  const bytes = await readExactly(source, 0, source.size);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CompanionFileError('is not UTF-8', { cause });
  }
  let value: JsonValue;
  try {
    value = parseStrictJson(text, MAX_DEPTH, { python: true });
  } catch (cause) {
    if (!(cause instanceof JsonProblem)) throw cause;
    throw new CompanionFileError(`is not JSON at character ${cause.offset}: ${cause.message}`, { cause });
  }
  if (value instanceof Map) return value;
  throw new CompanionFileError('is not a JSON object');
}

/** Describes a JSON value for a message. */
export function describe(value: JsonValue | undefined): string {
  if (typeof value === 'string') return quote(value);
  if (value instanceof Map) return 'an object';
  if (Array.isArray(value)) return 'a list';
  return String(value);
}

/** @returns the error that refuses a file of weights because of its companion */
export function wrongCompanionFile(
  file: string,
  companion: string,
  { message, cause }: Error,
  hint: string,
): EngineError {
  return new EngineError('WRONG_MODEL', `The ${companion} beside "${file}" ${message}.`, hint, { cause });
}
