/**
 * Reads a `tokenizer.json` of Hugging Face's libraries whose model is byte-pair encoding, over bytes as in GPT-2, Llama 3
 * and Qwen, or over characters with bytes for the others as in SentencePiece's files of Llama 2 and Mistral. What a
 * component of another kind would compute is not guessed: it is refused by name.
 * Format: https://huggingface.co/docs/tokenizers, "Components".
 */
import {
  type JsonObject,
  JsonProblem,
  type JsonValue,
  parseStrictJson,
  quote,
} from '../../core/strictJson.ts';
import { byteCharacters } from '../byteCharacters.ts';
import { byteTokenName, type CharacterRule, charactersRule, decodingOf } from './characters.ts';
import { flatten, only, TokenizerProblem, typeOf } from './components.ts';
import { type ByteRule, byteRule } from './words.ts';

export interface LoadedModel {
  /** The name of each id in the file; undefined where the file has no such token. */
  readonly pieces: readonly (string | undefined)[];
  /** Three ids for each pair, in the order in which pairs are joined: first, second, joined. */
  readonly merges: Int32Array;
  readonly words: WordRule;
  /** Tokens that are read as such wherever their name occurs in a text. */
  readonly added: ReadonlyMap<string, number>;
  /** Those of `added` that are no text, such as the end of a document. */
  readonly special: ReadonlySet<number>;
  /** Ids that the tokenizer puts before every text. */
  readonly start: readonly number[];
  /** Whether a word that is a token is taken as it is, whatever pairs would give. */
  readonly ignoresMerges: boolean;
  /** Whether a text is brought into Unicode's normal form C. */
  readonly composes: boolean;
}

/** How a text becomes the words in which pairs are joined. */
export type WordRule = ByteRule | CharacterRule;

/** Largest vocabulary that is read, which is the largest that a model may have. */
const MAX_TOKENS = 2 ** 20;
/** Nesting depth that is read. Real files are six levels deep. */
const MAX_DEPTH = 16;
const LARGEST_KEPT = 4;

/** The newest models by the text of their file, because a text of megabytes is asked for several times. */
const kept = new Map<string, LoadedModel>();

/**
 * @param text of the file
 * @param json its content, where it has been parsed
 * @throws TokenizerProblem saying what is not supported or wrong, as a predicate of "the tokenizer.json"
 */
export function readLoaded(text: string, json?: JsonObject): LoadedModel {
  const known = kept.get(text);
  if (known) return known;
  const model = modelOf(json ?? parse(text));
  if (kept.size === LARGEST_KEPT) kept.delete(kept.keys().next().value!);
  kept.set(text, model);
  return model;
}

function parse(text: string): JsonObject {
  try {
    const value = parseStrictJson(text, MAX_DEPTH, { python: true });
    if (value instanceof Map) return value;
  } catch (cause) {
    if (!(cause instanceof JsonProblem)) throw cause;
    throw new TokenizerProblem(`is not JSON at character ${cause.offset}: ${cause.message}`);
  }
  throw new TokenizerProblem('is not a JSON object');
}

function modelOf(json: JsonObject): LoadedModel {
  const model = json.get('model');
  if (!(model instanceof Map)) throw new TokenizerProblem('has no model');
  if (typeOf(model) !== 'BPE' && model.has('type')) {
    throw new TokenizerProblem(`has a model of type ${typeOf(model)}; only BPE is supported`);
  }
  only(model, 'dropout', [undefined, null, 0]);
  only(model, 'continuing_subword_prefix', [undefined, null, '']);
  only(model, 'end_of_word_suffix', [undefined, null, '']);
  only(model, 'ignore_merges', [undefined, false, true]);
  const { pieces, ids } = vocabularyOf(model.get('vocab'));
  const added = addedTokens(json.get('added_tokens'), pieces);
  const normalizers = flatten(json.get('normalizer'), 'normalizer', 'normalizers');
  const cuts = flatten(json.get('pre_tokenizer'), 'pre_tokenizer', 'pretokenizers');
  const decoders = flatten(json.get('decoder'), 'decoder', 'decoders');
  const composes = normalizers.some((each) => typeOf(each) === 'NFC');
  const others = normalizers.filter((each) => typeOf(each) !== 'NFC');
  const isBytes = cuts.some((each) => typeOf(each) === 'ByteLevel');
  const words: WordRule = isBytes
    ? byteRule(others, cuts, decoders)
    : { ...charactersRule(others, cuts), ...decodingOf(decoders) };
  checkAlphabet(isBytes, model, ids);
  return {
    ...{ pieces, words, added: added.ids, special: added.special, composes },
    merges: mergesOf(model.get('merges'), ids),
    start: startOf(json.get('post_processor')),
    ignoresMerges: model.get('ignore_merges') === true,
  };
}

function vocabularyOf(vocab: JsonValue | undefined): {
  pieces: (string | undefined)[];
  ids: ReadonlyMap<string, number>;
} {
  if (!(vocab instanceof Map)) throw new TokenizerProblem('has no vocab');
  const pieces: (string | undefined)[] = [];
  for (const [piece, id] of vocab as JsonObject) setPiece(pieces, checkedId(id, piece), piece);
  return { pieces, ids: vocab as ReadonlyMap<string, number> };
}

function checkedId(id: JsonValue | undefined, piece: string): number {
  if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < MAX_TOKENS) return id as number;
  throw new TokenizerProblem(
    `has the token ${quote(piece)} with id ${typeof id === 'number' ? id : 'none'}: ids are whole numbers from 0 to ${MAX_TOKENS - 1}`,
  );
}

function setPiece(pieces: (string | undefined)[], id: number, piece: string): void {
  while (pieces.length <= id) pieces.push(undefined);
  const other = pieces[id];
  if (other !== undefined && other !== piece) {
    throw new TokenizerProblem(`has two tokens with id ${id}: ${quote(other)} and ${quote(piece)}`);
  }
  pieces[id] = piece;
}

/** @throws TokenizerProblem for tokens whose surroundings in a text change with them, which are not supported */
function addedTokens(
  tokens: JsonValue | undefined,
  pieces: (string | undefined)[],
): { ids: ReadonlyMap<string, number>; special: ReadonlySet<number> } {
  const ids = new Map<string, number>();
  const special = new Set<number>();
  if (tokens === undefined || tokens === null) return { ids, special };
  if (!Array.isArray(tokens)) throw new TokenizerProblem('has added_tokens that are not a list');
  for (const token of tokens as readonly JsonValue[]) {
    const content = token instanceof Map ? token.get('content') : undefined;
    if (!(token instanceof Map) || typeof content !== 'string' || content === '') {
      throw new TokenizerProblem('has an added token without content');
    }
    for (const key of ['lstrip', 'rstrip', 'single_word']) {
      if (token.get(key) === true) {
        throw new TokenizerProblem(
          `has the added token ${quote(content)} with ${key}, which is not supported`,
        );
      }
    }
    const id = checkedId(token.get('id'), content);
    setPiece(pieces, id, content);
    ids.set(content, id);
    if (token.get('special') === true) special.add(id);
  }
  return { ids, special };
}

/** Every byte must have a token, so that no text is lost. */
function checkAlphabet(isBytes: boolean, model: JsonObject, ids: ReadonlyMap<string, number>): void {
  if (!isBytes && model.get('byte_fallback') !== true) {
    throw new TokenizerProblem(
      'has neither the pre_tokenizer ByteLevel nor byte_fallback, so that some characters have no token',
    );
  }
  const names = isBytes ? byteCharacters() : Array.from({ length: 256 }, (_, byte) => byteTokenName(byte));
  const missing = names.find((name) => !ids.has(name));
  if (missing !== undefined)
    throw new TokenizerProblem(`has no token ${quote(missing)} for one of the bytes`);
}

function mergesOf(merges: JsonValue | undefined, ids: ReadonlyMap<string, number>): Int32Array {
  if (!Array.isArray(merges)) throw new TokenizerProblem('has no merges');
  const found = new Int32Array(3 * merges.length);
  for (const [i, merge] of (merges as readonly JsonValue[]).entries()) {
    const pair: readonly JsonValue[] =
      typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
    const [first, second] = pair;
    if (pair.length !== 2 || typeof first !== 'string' || typeof second !== 'string') {
      throw new TokenizerProblem(`has a merge ${i} that is not a pair`);
    }
    for (const [at, piece] of [first, second, first + second].entries()) {
      const id = ids.get(piece);
      if (id === undefined) {
        throw new TokenizerProblem(`has a merge ${i} with ${quote(piece)}, which is not in its vocabulary`);
      }
      found[3 * i + at] = id;
    }
  }
  return found;
}

/** The ids that `TemplateProcessing` puts before a text. Tokens after it are refused: a prompt goes on. */
function startOf(processor: JsonValue | undefined): readonly number[] {
  const start: number[] = [];
  for (const each of flatten(processor, 'post_processor', 'processors')) {
    if (typeOf(each) === 'ByteLevel') continue; // it only moves offsets
    if (typeOf(each) !== 'TemplateProcessing') {
      throw new TokenizerProblem(`has the post_processor ${typeOf(each)}, which is not supported`);
    }
    start.push(...templateStart(each));
  }
  return start;
}

function templateStart(template: JsonObject): number[] {
  const single = template.get('single');
  const tokens = template.get('special_tokens');
  const parts = Array.isArray(single) ? (single as readonly JsonValue[]) : [];
  const isText = (part: JsonValue) => part instanceof Map && part.has('Sequence');
  if (parts.filter(isText).length !== 1 || !isText(parts.at(-1)!)) {
    throw new TokenizerProblem('has a post_processor that adds tokens after a text, which is not supported');
  }
  return parts.slice(0, -1).flatMap((part) => {
    const token = part instanceof Map ? part.get('SpecialToken') : undefined;
    const name = token instanceof Map ? token.get('id') : undefined;
    const entry = tokens instanceof Map && typeof name === 'string' ? tokens.get(name) : undefined;
    const ids = entry instanceof Map ? entry.get('ids') : undefined;
    if (!Array.isArray(ids)) throw new TokenizerProblem('has a post_processor with a token without ids');
    return ids.map((id: JsonValue) => checkedId(id, String(name)));
  });
}
