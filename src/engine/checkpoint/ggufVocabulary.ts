/** Writes a tokenizer into the metadata of a GGUF file, in the form in which llama.cpp has its kind. */
import { EngineError } from '../core/errors.ts';
import { byteCharacters } from '../data/byteCharacters.ts';
import { GPT2_END, GPT2_END_ID } from '../data/gpt2.ts';
import { byteTokenName } from '../data/loaded/characters.ts';
import { type LoadedModel, readLoaded } from '../data/loaded/tokenizerFile.ts';
import { learnedModel } from '../data/pairModel.ts';
import { documentTokens, pairModel, type TokenizerJson } from '../data/tokenizer.ts';
import type { ValueToWrite } from './ggufFormat.ts';
import { preTokenizerName } from './ggufWords.ts';
import { bytePieces, mergesOf } from './huggingface.ts';
import { mergeScores } from './mergeScores.ts';

/** Kinds of tokens by their numbers. */
export const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, user: 4, unused: 5, byte: 6 } as const;

/** The keys of the tokens that end a text: of a document, of a turn, and of a message within one. */
export const END_KEYS = ['eos_token_id', 'eot_token_id', 'eom_token_id'] as const;

/** The key of a Halfstep tokenizer without a file of its own, which is exact. */
export const OWN_TOKENIZER = 'halfstep.tokenizer';

export interface GgufVocabulary {
  /** Rows that the embedding and the head must have. */
  readonly rows: number;
  /** Whether the last row is of a token that the model was not trained with. */
  readonly addsEnd: boolean;
  readonly metadata: ReadonlyMap<string, ValueToWrite>;
}

interface Tokens {
  readonly model: 'gpt2' | 'llama';
  readonly pre: string;
  readonly names: readonly string[];
  readonly types: readonly number[];
  readonly merges?: readonly string[];
  readonly scores?: readonly number[];
  readonly start: readonly number[];
  readonly bos: number | null;
  readonly ends: readonly number[];
  readonly addsSpace?: boolean;
}

/**
 * @param rows of the model's embedding
 * @throws EngineError BAD_VALUE for a loaded tokenizer that llama.cpp has no form for; RangeError before `loadTokenizer`
 */
export function ggufVocabulary(json: TokenizerJson, rows: number): GgufVocabulary {
  const tokens = tokensOf(json);
  const names = [...tokens.names];
  const types = [...tokens.types];
  const [end = names.length, ...otherEnds] = tokens.ends;
  if (end === names.length) {
    names.push(endName(names));
    types.push(TOKEN_TYPES.control);
  }
  for (let id = names.length; id < rows; id++) {
    names.push(`[PAD${id}]`);
    types.push(TOKEN_TYPES.unused);
  }
  const [start] = tokens.start;
  const entries: [string, ValueToWrite][] = [
    ['tokenizer.ggml.model', { type: 'string', value: tokens.model }],
    ['tokenizer.ggml.pre', { type: 'string', value: tokens.pre }],
    ['tokenizer.ggml.tokens', { type: 'strings', value: names }],
    ['tokenizer.ggml.token_type', { type: 'i32s', value: types }],
    ['tokenizer.ggml.bos_token_id', { type: 'u32', value: start ?? tokens.bos ?? end }],
    ...END_KEYS.flatMap((key, i): [string, ValueToWrite][] => {
      const id = [end, ...otherEnds][i];
      return id === undefined ? [] : [[`tokenizer.ggml.${key}`, { type: 'u32', value: id }]];
    }),
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: start !== undefined }],
    ['tokenizer.ggml.add_eos_token', { type: 'bool', value: false }],
  ];
  const { merges, scores, addsSpace } = tokens;
  if (merges) entries.push(['tokenizer.ggml.merges', { type: 'strings', value: merges }]);
  if (scores) {
    const all = names.map((_, id) => scores[id] ?? 0);
    entries.push(['tokenizer.ggml.scores', { type: 'f32s', value: all }]);
  }
  if (addsSpace !== undefined) {
    entries.push(['tokenizer.ggml.add_space_prefix', { type: 'bool', value: addsSpace }]);
  }
  if (json.kind !== 'loaded') entries.push([OWN_TOKENIZER, { type: 'string', value: JSON.stringify(json) }]);
  return { rows: names.length, addsEnd: names.length > rows, metadata: new Map(entries) };
}

/** A name for the end of a document that no token has. */
function endName(names: readonly string[]): string {
  return names.includes(GPT2_END) ? '<|halfstep-end|>' : GPT2_END;
}

function tokensOf(json: TokenizerJson): Tokens {
  if (json.kind === 'char') return characterTokens([...json.characters]);
  if (json.kind === 'loaded') return loadedTokens(json);
  const model = json.kind === 'byte' ? learnedModel([]) : pairModel(json);
  const names = bytePieces(model!);
  const isEnd = (id: number) => json.kind === 'gpt2' && id === GPT2_END_ID;
  return {
    ...{ model: 'gpt2', pre: 'gpt-2', names, ...documentTokens(json) },
    types: names.map((_, id) => (isEnd(id) ? TOKEN_TYPES.control : TOKEN_TYPES.normal)),
    merges: mergesOf(model!, names),
  };
}

/**
 * Characters are pieces of bytes that are joined from left to right, and never with those of another character. llama.cpp
 * leaves out the bytes of a character that the vocabulary lacks; with SentencePiece's form it would end the program.
 */
function characterTokens(characters: readonly string[]): Tokens {
  const byteNames = byteCharacters();
  const encoder = new TextEncoder();
  const spelled = characters.map((character) =>
    Array.from(encoder.encode(character), (byte) => byteNames[byte]!),
  );
  const merges = spelled.flatMap((bytes) =>
    bytes.slice(1).map((byte, i) => `${bytes.slice(0, i + 1).join('')} ${byte}`),
  );
  return {
    ...{ model: 'gpt2', pre: 'gpt-2', start: [], bos: null, ends: [] },
    names: spelled.map((bytes) => bytes.join('')),
    types: characters.map(() => TOKEN_TYPES.normal),
    merges: [...new Set(merges)],
  };
}

function loadedTokens(json: TokenizerJson & { kind: 'loaded' }): Tokens {
  const model = readLoaded(json.file);
  const { start, bos, ends } = documentTokens(json);
  if (start.length > 1) throw unsupported(`puts ${start.length} tokens before a text`);
  const common = {
    names: model.pieces.map((piece, id) => piece ?? `[PAD${id}]`),
    types: model.pieces.map((piece, id) => typeOf(model, piece, id)),
    ...{ start, bos, ends },
  };
  if (model.words.kind !== 'characters') {
    const pre = preTokenizerName(model);
    if (pre === null) throw unsupported('splits words by a pattern that llama.cpp has no name for');
    return { ...common, model: 'gpt2', pre, merges: mergeNames(model) };
  }
  const scores = mergeScores(model);
  if (typeof scores === 'string') throw unsupported(scores);
  const addsSpace = model.words.prefix !== 'none';
  return { ...common, model: 'llama', pre: 'default', scores, addsSpace };
}

function typeOf({ added, special, words }: LoadedModel, piece: string | undefined, id: number): number {
  if (piece === undefined) return TOKEN_TYPES.unused;
  if (words.kind === 'characters') {
    if (piece === '<unk>') return TOKEN_TYPES.unknown;
    if (BYTE_NAMES.has(piece)) return TOKEN_TYPES.byte;
  }
  if (!added.has(piece)) return TOKEN_TYPES.normal;
  return special.has(id) ? TOKEN_TYPES.control : TOKEN_TYPES.user;
}

const BYTE_NAMES = new Set(Array.from({ length: 256 }, (_, byte) => byteTokenName(byte)));

function mergeNames({ merges, pieces }: LoadedModel): string[] {
  return Array.from(
    { length: merges.length / 3 },
    (_, i) => `${pieces[merges[3 * i]!]} ${pieces[merges[3 * i + 1]!]}`,
  );
}

function unsupported(what: string): EngineError {
  return new EngineError(
    'BAD_VALUE',
    `The model's tokenizer ${what}, which GGUF cannot express.`,
    'Export for Hugging Face instead.',
  );
}
