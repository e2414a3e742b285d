/**
 * Reads the `tokenizer.json` beside weights: GPT-2's, one that Halfstep exported, or one of another family.
 * Format: https://huggingface.co/docs/tokenizers, components "Models", "Pre-tokenizers".
 */

import type { JsonObject, JsonValue } from '../core/strictJson.ts';
import { byteCharacters } from '../data/byteCharacters.ts';
import { GPT2_VOCABULARY, gpt2Model, loadGpt2 } from '../data/gpt2.ts';
import { TokenizerProblem } from '../data/loaded/components.ts';
import { readLoaded } from '../data/loaded/tokenizerFile.ts';
import { BYTES } from '../data/pairModel.ts';
import {
  createTokenizer,
  documentTokens,
  loadTokenizer,
  MAX_VOCABULARY,
  type TokenizerJson,
} from '../data/tokenizer.ts';
import { CompanionFileError, describe, readObject } from './beside.ts';
import { type DocumentIds, NO_IDS, namedTokens } from './documentIds.ts';
import { bytePieces, mergesOf } from './huggingface.ts';
import { type RandomAccess, readExactly } from './randomAccess.ts';

/** Largest file that is read. GPT-2's has 2 MB, Qwen's and Llama 3's have up to 12 MB. */
const MAX_BYTES = 32 * 2 ** 20;

export interface TokenizerContents {
  readonly tokenizer: TokenizerJson;
  /** Names of special tokens outside the vocabulary. Halfstep reads these names in a text as ordinary text. */
  readonly added: readonly string[];
  /** Of the ids that end a text by a file beside, those that the tokenizer cannot have. */
  readonly unused: readonly number[];
}

/**
 * @param ids of the tokens that begin and end a text, where a file beside it names them. They may make a tokenizer that
 * Halfstep has of its own a loaded one, which keeps them
 * @throws CompanionFileError naming what is not supported; EngineError BAD_FILE when the file cannot be read,
 * TOKENIZER_UNAVAILABLE as {@link loadTokenizer}
 */
export async function readTokenizer(
  source: RandomAccess,
  ids: DocumentIds = NO_IDS,
): Promise<TokenizerContents> {
  const json = await readObject(source, MAX_BYTES);
  const own = await refusalOr(readOwn(json, ids));
  const isWhole = !(own instanceof CompanionFileError) && own.added.length + own.unused.length === 0;
  if (isWhole) return own;
  const loaded = await refusalOr(readOther(source, json, ids));
  if (!(loaded instanceof CompanionFileError)) return loaded;
  if (own instanceof CompanionFileError) throw loaded;
  return own;
}

async function refusalOr<Result>(reading: Promise<Result>): Promise<Result | CompanionFileError> {
  try {
    return await reading;
  } catch (cause) {
    if (cause instanceof CompanionFileError) return cause;
    throw cause;
  }
}

/** Reads a tokenizer of another family. @param json the content of the file */
async function readOther(
  source: RandomAccess,
  json: JsonObject,
  ids: DocumentIds,
): Promise<TokenizerContents> {
  const file = new TextDecoder().decode(await readExactly(source, 0, source.size));
  try {
    const { pieces } = readLoaded(file, json);
    const isToken = (id: number) => pieces[id] !== undefined;
    const tokenizer: TokenizerJson = { kind: 'loaded', file, ...namedTokens(ids, isToken) };
    await loadTokenizer(tokenizer);
    createTokenizer(tokenizer); // translates its patterns
    return { tokenizer, added: [], unused: ids.ends.filter((id) => !isToken(id)) };
  } catch (cause) {
    if (cause instanceof TokenizerProblem) throw new CompanionFileError(cause.message, { cause });
    throw cause;
  }
}

/** Reads GPT-2's tokenizer or one that Halfstep exported. @throws CompanionFileError for any other */
async function readOwn(json: JsonObject, ids: DocumentIds): Promise<TokenizerContents> {
  const model = json.get('model');
  if (!(model instanceof Map)) throw new CompanionFileError('has no model');
  only(model, 'type', [undefined, 'BPE']);
  only(model, 'dropout', [undefined, null, 0]);
  only(model, 'continuing_subword_prefix', [undefined, null, '']);
  only(model, 'end_of_word_suffix', [undefined, null, '']);
  only(model, 'byte_fallback', [undefined, false]);
  only(model, 'ignore_merges', [undefined, false]);
  only(json, 'normalizer', [undefined, null]);
  const processor = json.get('post_processor') ?? null;
  // ByteLevel only moves offsets.
  if (processor !== null && !(processor instanceof Map && processor.get('type') === 'ByteLevel')) {
    throw new CompanionFileError(`has the post_processor ${describe(processor)}, which is not supported`);
  }
  const pieces = piecesOf(model.get('vocab'));
  const merges = mergesIn(model.get('merges'));
  const tokenizer = await tokenizerOf(pieces, merges, json.get('pre_tokenizer') ?? null);
  const { ends } = documentTokens(tokenizer);
  const unused = ids.ends.filter((id) => !ends.includes(id));
  return { tokenizer, added: addedTokens(json.get('added_tokens'), pieces), unused };
}

function only(object: JsonObject, key: string, allowed: readonly (JsonValue | undefined)[]): void {
  const value = object.get(key);
  if (!allowed.includes(value))
    throw new CompanionFileError(`has ${key} ${describe(value)}, which is not supported`);
}

/** Returns the tokens in the order of their ids. */
function piecesOf(vocab: JsonValue | undefined): readonly string[] {
  if (!(vocab instanceof Map)) throw new CompanionFileError('has no vocab');
  if (vocab.size > MAX_VOCABULARY) {
    throw new CompanionFileError(`has ${vocab.size} tokens; at most ${MAX_VOCABULARY} are supported`);
  }
  const pieces = new Array<string | undefined>(vocab.size).fill(undefined);
  for (const [piece, id] of vocab) {
    if (!(Number.isInteger(id) && id >= 0 && id < pieces.length) || pieces[id] !== undefined) {
      throw new CompanionFileError(
        `has a token with id ${describe(id)}: ids are not 0 to ${vocab.size - 1}, each once`,
      );
    }
    pieces[id] = piece;
  }
  return pieces as string[];
}

/** Returns merges as "a b", whether the file has that form or ["a", "b"]. */
function mergesIn(merges: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(merges)) throw new CompanionFileError('has no merges');
  return merges.map((merge: JsonValue, i) => {
    const words = Array.isArray(merge) ? merge : [merge];
    if (words.length > 2 || !words.every((word) => typeof word === 'string')) {
      throw new CompanionFileError(`has a merge ${i} that is not a pair`);
    }
    return words.join(' ');
  });
}

async function tokenizerOf(
  pieces: readonly string[],
  merges: readonly string[],
  cut: JsonValue,
): Promise<TokenizerJson> {
  if (cut === null) {
    if (merges.length === 0 && pieces.length > 0 && pieces.every((piece) => [...piece].length === 1)) {
      return { kind: 'char', characters: pieces.join('') };
    }
    throw new CompanionFileError('does not split words, but has tokens of several characters');
  }
  if (!(cut instanceof Map) || cut.get('type') !== 'ByteLevel') {
    const type = cut instanceof Map ? cut.get('type') : cut;
    throw new CompanionFileError(`has pre_tokenizer ${describe(type)}; only ByteLevel is supported`);
  }
  only(cut, 'add_prefix_space', [false]);
  if (merges.length > 0) only(cut, 'use_regex', [undefined, true]);
  const characters = byteCharacters();
  if (characters.every((character, byte) => pieces[byte] === character)) {
    const pairs = learnedPairs(pieces, merges);
    return pairs.length > 0 ? { kind: 'bpe', pairs } : { kind: 'byte' };
  }
  if (pieces.length === GPT2_VOCABULARY) {
    await loadGpt2();
    if (same(pieces, bytePieces(gpt2Model())) && same(merges, mergesOf(gpt2Model(), pieces))) {
      return { kind: 'gpt2' };
    }
  }
  throw new CompanionFileError(
    `has a vocabulary of ${pieces.length} pieces of words that is neither GPT-2's nor one that Halfstep learned`,
  );
}

/** Returns the pairs of ids of a learned vocabulary, in which merge i makes token 256 + i. */
function learnedPairs(pieces: readonly string[], merges: readonly string[]): number[] {
  if (pieces.length !== BYTES + merges.length) {
    throw new CompanionFileError(
      `has ${pieces.length} tokens, which does not match ${BYTES} bytes and ${merges.length} merges`,
    );
  }
  const ids = new Map(pieces.map((piece, id) => [piece, id]));
  return merges.flatMap((merge, i) => {
    const words = merge.split(' ');
    const pair = words.map((word) => ids.get(word));
    if (words.length !== 2 || pieces[BYTES + i] !== words.join('') || !pair.every((id) => id! < BYTES + i)) {
      throw new CompanionFileError(
        `has a merge ${i} that does not join two earlier tokens to token ${BYTES + i}`,
      );
    }
    return pair as number[];
  });
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

/** Returns the names of the special tokens that are not in the vocabulary. */
function addedTokens(tokens: JsonValue | undefined, pieces: readonly string[]): string[] {
  if (tokens === undefined || tokens === null) return [];
  if (!Array.isArray(tokens)) throw new CompanionFileError('has added_tokens that are not a list');
  return tokens.flatMap((token: JsonValue) => {
    const content = token instanceof Map ? token.get('content') : undefined;
    const id = token instanceof Map ? token.get('id') : undefined;
    if (typeof content !== 'string' || !Number.isInteger(id)) {
      throw new CompanionFileError('has an added token without content and id');
    }
    if (pieces[id as number] === content) return [];
    if ((id as number) < pieces.length || (token as JsonObject).get('special') !== true) {
      throw new CompanionFileError(
        `has the added token ${describe(content)}, which is not a special token after the vocabulary`,
      );
    }
    return [content];
  });
}
