/**
 * `tokenizer.json` beside weights: GPT-2's own, or one of the forms that Halfstep exports.
 * Format: https://huggingface.co/docs/tokenizers, components "Models", "Pre-tokenizers".
 */

import type { JsonObject, JsonValue } from '../core/strictJson.ts';
import { byteCharacters } from '../data/byteCharacters.ts';
import { GPT2_VOCABULARY, gpt2Model, loadGpt2 } from '../data/gpt2.ts';
import { BYTES } from '../data/pairModel.ts';
import { MOST_SYMBOLS, type TokenizerJson } from '../data/tokenizer.ts';
import { BesideProblem, readObject, said } from './beside.ts';
import { bytePieces, mergesOf } from './huggingface.ts';
import type { RandomAccess } from './randomAccess.ts';

/** GPT-2's has 2 MB; a learned one of the most tokens has 5. */
const MAX_BYTES = 32 * 2 ** 20;

export interface SaidByTokenizer {
  readonly tokenizer: TokenizerJson;
  /** Special tokens that it adds to the vocabulary, by name: no text gives one here. */
  readonly added: readonly string[];
}

/**
 * @throws BesideProblem naming what no tokenizer of the engine does; EngineError BAD_FILE when it cannot be read,
 * TOKENIZER_UNAVAILABLE as {@link loadGpt2}
 */
export async function readTokenizer(source: RandomAccess): Promise<SaidByTokenizer> {
  const json = await readObject(source, MAX_BYTES);
  const model = json.get('model');
  if (!(model instanceof Map)) throw new BesideProblem('has no model');
  only(model, 'type', [undefined, 'BPE']);
  only(model, 'dropout', [undefined, null, 0]);
  only(model, 'continuing_subword_prefix', [undefined, null, '']);
  only(model, 'end_of_word_suffix', [undefined, null, '']);
  only(model, 'byte_fallback', [undefined, false]);
  only(model, 'ignore_merges', [undefined, false]);
  only(json, 'normalizer', [undefined, null]);
  const pieces = piecesOf(model.get('vocab'));
  const merges = mergesIn(model.get('merges'));
  const tokenizer = await tokenizerOf(pieces, merges, json.get('pre_tokenizer') ?? null);
  return { tokenizer, added: addedTokens(json.get('added_tokens'), pieces) };
}

function only(object: JsonObject, key: string, allowed: readonly (JsonValue | undefined)[]): void {
  const value = object.get(key);
  if (!allowed.includes(value)) throw new BesideProblem(`has ${key} ${said(value)}, which is not read`);
}

/** Tokens in the order of their ids. */
function piecesOf(vocab: JsonValue | undefined): readonly string[] {
  if (!(vocab instanceof Map)) throw new BesideProblem('has no vocab');
  if (vocab.size > MOST_SYMBOLS) {
    throw new BesideProblem(`has ${vocab.size} tokens, and at most ${MOST_SYMBOLS} are read`);
  }
  const pieces = new Array<string | undefined>(vocab.size).fill(undefined);
  for (const [piece, id] of vocab) {
    if (!(Number.isInteger(id) && id >= 0 && id < pieces.length) || pieces[id] !== undefined) {
      throw new BesideProblem(
        `has a token with id ${said(id)}: ids are not 0 to ${vocab.size - 1}, each once`,
      );
    }
    pieces[id] = piece;
  }
  return pieces as string[];
}

/** As "a b", whether they are written so or as ["a", "b"]. */
function mergesIn(merges: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(merges)) throw new BesideProblem('has no merges');
  return merges.map((merge: JsonValue, i) => {
    const words = Array.isArray(merge) ? merge : [merge];
    if (words.length > 2 || !words.every((word) => typeof word === 'string')) {
      throw new BesideProblem(`has a merge ${i} that is no pair`);
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
    throw new BesideProblem('cuts no words, and has tokens of several characters');
  }
  if (!(cut instanceof Map) || cut.get('type') !== 'ByteLevel') {
    throw new BesideProblem(`has pre_tokenizer ${cut instanceof Map ? said(cut.get('type')) : said(cut)}`);
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
  throw new BesideProblem(
    `has a vocabulary of ${pieces.length} pieces of words that is neither GPT-2's nor one that Halfstep learned`,
  );
}

/** Pairs of ids, where token 256 + i is what the merge i makes. */
function learnedPairs(pieces: readonly string[], merges: readonly string[]): number[] {
  if (pieces.length !== BYTES + merges.length) {
    throw new BesideProblem(`has ${pieces.length} tokens, but ${merges.length} merges beside ${BYTES} bytes`);
  }
  const ids = new Map(pieces.map((piece, id) => [piece, id]));
  return merges.flatMap((merge, i) => {
    const words = merge.split(' ');
    const pair = words.map((word) => ids.get(word));
    if (words.length !== 2 || pieces[BYTES + i] !== words.join('') || !pair.every((id) => id! < BYTES + i)) {
      throw new BesideProblem(`has a merge ${i} that does not make token ${BYTES + i} of tokens before it`);
    }
    return pair as number[];
  });
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

/** Names of the special tokens that are not in the vocabulary itself. */
function addedTokens(tokens: JsonValue | undefined, pieces: readonly string[]): string[] {
  if (tokens === undefined || tokens === null) return [];
  if (!Array.isArray(tokens)) throw new BesideProblem('has added_tokens that are no list');
  return tokens.flatMap((token: JsonValue) => {
    const content = token instanceof Map ? token.get('content') : undefined;
    const id = token instanceof Map ? token.get('id') : undefined;
    if (typeof content !== 'string' || !Number.isInteger(id)) {
      throw new BesideProblem('has an added token without content and id');
    }
    if (pieces[id as number] === content) return [];
    if ((id as number) < pieces.length || (token as JsonObject).get('special') !== true) {
      throw new BesideProblem(`has the added token ${said(content)}, which texts are not searched for`);
    }
    return [content];
  });
}
