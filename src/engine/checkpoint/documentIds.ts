/**
 * The ids of the tokens that begin and end a text, as `config.json` and `generation_config.json` name them. The second is
 * what generation follows in transformers, where it has them.
 */
import type { JsonObject, JsonValue } from '../core/strictJson.ts';
import type { NamedTokens } from '../data/tokenizer.ts';
import { CompanionFileError, describe, readObject } from './beside.ts';
import type { RandomAccess } from './randomAccess.ts';

/** Ids as a file states them; they need not be tokens. */
export interface DocumentIds {
  /** Empty where the file names none. */
  readonly ends: readonly number[];
  readonly bos: number | null;
}

export const NO_IDS: DocumentIds = { ends: [], bos: null };

const MAX_BYTES = 2 ** 20;

/** @throws CompanionFileError naming the key whose value is no id */
export function documentIds(json: JsonObject): DocumentIds {
  return { ends: idsOf(json, 'eos_token_id'), bos: idsOf(json, 'bos_token_id')[0] ?? null };
}

function idsOf(json: JsonObject, key: string): readonly number[] {
  const value = json.get(key) ?? null;
  if (value === null) return [];
  const ids: readonly JsonValue[] = Array.isArray(value) ? value : [value];
  if (ids.every((id) => Number.isInteger(id))) return [...new Set(ids as readonly number[])];
  throw new CompanionFileError(
    `has ${key} ${describe(value)}, which is neither a token's id nor a list of ids`,
  );
}

/**
 * Reads a `generation_config.json`. What it leaves out is as in config.json.
 * @throws CompanionFileError as `readObject` and {@link documentIds}; EngineError BAD_FILE when it cannot be read
 */
export async function generationIds(source: RandomAccess, config: DocumentIds): Promise<DocumentIds> {
  const { ends, bos } = documentIds(await readObject(source, MAX_BYTES));
  return { ends: ends.length > 0 ? ends : config.ends, bos: bos ?? config.bos };
}

/**
 * The ids that are tokens, in the form of a tokenizer. A single end is a number, as in files of earlier versions.
 * @param isToken whether the vocabulary has an id
 */
export function namedTokens({ ends, bos }: DocumentIds, isToken: (id: number) => boolean): NamedTokens {
  const [end, ...others] = ends.filter(isToken);
  return {
    ...(end !== undefined && { end: others.length > 0 ? [end, ...others] : end }),
    ...(bos !== null && isToken(bos) && { bos }),
  };
}
