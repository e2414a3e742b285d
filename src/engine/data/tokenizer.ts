/**
 * Converts text to token ids and back. A token is a character (Unicode code point), a UTF-8 byte, or a piece of a word
 * from a byte-pair encoding, which is learned from the text or GPT-2's.
 */
import { inWords } from '../core/checkOptions.ts';
import { EngineError, suggestion } from '../core/errors.ts';
import { GPT2_END_ID, GPT2_VOCABULARY, gpt2Model, loadGpt2 } from './gpt2.ts';
import { loadedBytes } from './loaded/decoding.ts';
import { loadPatterns } from './loaded/patterns.ts';
import { LoadedEncoder, LoadedReader } from './loaded/reader.ts';
import { readLoaded } from './loaded/tokenizerFile.ts';
import type { Span } from './longWord.ts';
import { learnedModel, PairEncoder, type PairModel, tokenBytes } from './pairModel.ts';
import { PieceReader, withSpan } from './wordPieces.ts';

/** The serialised form of a tokenizer, which saved runs contain. */
export type TokenizerJson =
  | { readonly kind: 'char'; readonly characters: string }
  | { readonly kind: 'byte' }
  /** The two ids of token 256, then of token 257, and so on. Lower ids are bytes. */
  | { readonly kind: 'bpe'; readonly pairs: readonly number[] }
  /** GPT-2's own. With `endOfText`, `<|endoftext|>` in a text becomes the token that ends a document; else it is ordinary text. */
  | { readonly kind: 'gpt2'; readonly endOfText?: true }
  /** Of another family: `file` is the text of its `tokenizer.json`. */
  | ({ readonly kind: 'loaded'; readonly file: string } & NamedTokens);

/** The special tokens that a file beside a `tokenizer.json` names. */
export interface NamedTokens {
  /** The id of the token that ends a document, or the ids of all that end a text, that one first. */
  readonly end?: number | readonly number[];
  /** The id of the token with which a document begins. */
  readonly bos?: number;
}

/**
 * The tokenizer setting of a run: `bpe:N` learns up to N tokens from the text, `gpt2-eot` is GPT-2's with `endOfText`, and
 * `model` is the one that came with the model that the run starts from.
 */
export type TokenizerChoice = 'char' | 'byte' | `bpe:${number}` | 'gpt2' | 'gpt2-eot' | 'model';

export interface Tokenizer {
  readonly kind: TokenizerJson['kind'];
  /** Number of distinct tokens, V. Ids are 0..V-1. */
  readonly vocabulary: number;
  /** Ids that the tokenizer puts before every text, such as the beginning of a document; most tokenizers have none. */
  readonly start: readonly number[];
  /** The id that begins a document, also where `start` does not have it; null where none is known. */
  readonly bos: number | null;
  /** The id that ends a document; null where there is none. */
  readonly end: number | null;
  /** The ids that end a text: `end` and others, such as the end of a turn. */
  readonly ends: readonly number[];
  /**
   * The ids of a text, `start` included.
   * @throws EngineError BAD_TEXT naming the characters that are not in the vocabulary
   */
  encode(text: string): Uint32Array;
  /**
   * Never fails. Ids outside the vocabulary and invalid UTF-8 become U+FFFD, because a model may produce them.
   * @param before as for `decoder`
   */
  decode(tokens: ArrayLike<number>, before?: ArrayLike<number>): string;
  /**
   * Decodes a stream of tokens one at a time. A character that takes several tokens is returned with the last of them;
   * the tokens before it return an empty string.
   * @param before tokens that the stream continues; where there is text in them, a space at its start is kept
   */
  decoder(before?: ArrayLike<number>): (token: number) => string;
  /** The name of a token in a list: its text, or its bytes in hexadecimal where they are not whole characters. */
  name(token: number): string;
  readonly json: TokenizerJson;
}

/** Largest vocabulary of a tokenizer that is made for a text, whose ids are stored in at most two bytes. */
export const MAX_VOCABULARY = 2 ** 16;

const REPLACEMENT = '\ufffd';

/** Loads what a tokenizer needs, which must happen before it is created. @throws EngineError TOKENIZER_UNAVAILABLE */
export async function loadTokenizer(json: TokenizerJson): Promise<void> {
  if (json.kind === 'gpt2') await loadGpt2();
  if (json.kind === 'loaded' && readLoaded(json.file).words.kind === 'patterns') await loadPatterns();
}

/** @throws RangeError before `loadTokenizer` where the tokenizer needs it */
export function createTokenizer(json: TokenizerJson): Tokenizer {
  switch (json.kind) {
    case 'byte':
      return byteTokenizer();
    case 'char':
      return charTokenizer([...json.characters]);
    case 'bpe':
    case 'gpt2':
      return pairTokenizer(json);
    case 'loaded':
      return loadedTokenizer(json);
  }
}

type PairJson = Extract<TokenizerJson, { kind: 'bpe' | 'gpt2' }>;

/** The vocabulary of a byte-pair tokenizer; null for the others. */
export function pairModel(json: PairJson): PairModel;
export function pairModel(json: TokenizerJson): PairModel | null;
export function pairModel(json: TokenizerJson): PairModel | null {
  if (json.kind === 'gpt2') return gpt2Model();
  return json.kind === 'bpe' ? learnedModel(json.pairs) : null;
}

/** The setting that gives a tokenizer like this one. */
export function choiceOf(json: TokenizerJson): TokenizerChoice {
  if (json.kind === 'gpt2') return json.endOfText ? 'gpt2-eot' : 'gpt2';
  if (json.kind === 'loaded') return 'model';
  return json.kind === 'bpe' ? `bpe:${tokensIn(json)}` : json.kind;
}

/** Number of distinct tokens, V, of a serialised tokenizer. */
export function tokensIn(json: TokenizerJson): number {
  if (json.kind === 'char') return [...json.characters].length;
  if (json.kind === 'gpt2') return GPT2_VOCABULARY;
  if (json.kind === 'loaded') return readLoaded(json.file).pieces.length;
  return MIN_PAIR_TOKENS + (json.kind === 'bpe' ? json.pairs.length / 2 : 0);
}

/** GPT-2's tokenizer for a setting; null for settings whose tokenizer is made for a text. */
export function gpt2Json(choice: TokenizerChoice): TokenizerJson | null {
  if (choice === 'gpt2') return { kind: 'gpt2' };
  return choice === 'gpt2-eot' ? { kind: 'gpt2', endOfText: true } : null;
}

/**
 * The tokenizer for a run that starts from a model with its own tokenizer. Only the meaning of `<|endoftext|>` in GPT-2's
 * tokenizer is taken from the run's setting.
 */
export function tokenizerOfModel(own: TokenizerJson, choice: TokenizerChoice): TokenizerJson {
  return (own.kind === 'gpt2' && gpt2Json(choice)) || own;
}

/** The same for settings, where null means that the run has none. */
export function choiceOfModel(own: TokenizerChoice, choice: TokenizerChoice | null): TokenizerChoice {
  return choice !== null && gpt2Json(own) && gpt2Json(choice) ? choice : own;
}

/** The 256 bytes, without any pair. */
const MIN_PAIR_TOKENS = 256;

/**
 * The largest vocabulary that a setting can give; null when it depends on the text.
 * @throws EngineError BAD_VALUE when there is no such tokenizer
 */
export function mostTokens(choice: TokenizerChoice): number | null {
  if (choice === 'char' || choice === 'model') return null;
  if (choice === 'byte') return MIN_PAIR_TOKENS;
  if (gpt2Json(choice)) return GPT2_VOCABULARY;
  const tokens = pairTokens(choice);
  if (tokens !== null) return tokens;
  throw new EngineError(
    'BAD_VALUE',
    `There is no tokenizer ${inWords(choice)}.`,
    suggestion(choice, ['char', 'byte', 'gpt2', 'gpt2-eot', 'bpe:1024']),
  );
}

/**
 * The N of `bpe:N`; null for other tokenizers.
 * @throws EngineError BAD_VALUE when N is out of range
 */
export function pairTokens(choice: TokenizerChoice): number | null {
  if (typeof choice !== 'string' || !choice.startsWith('bpe:')) return null;
  const digits = choice.slice('bpe:'.length);
  const tokens = /^\d{1,6}$/.test(digits) ? Number(digits) : 0;
  if (tokens >= MIN_PAIR_TOKENS && tokens <= MAX_VOCABULARY) return tokens;
  throw new EngineError(
    'BAD_VALUE',
    `tokenizer is "${choice.slice(0, 40)}".`,
    `Give the number of tokens after bpe:, from ${MIN_PAIR_TOKENS} to ${MAX_VOCABULARY}, as in bpe:1024.`,
  );
}

/** A text is one document. */
const NO_DOCUMENTS: DocumentTokens = { start: [], bos: null, end: null, ends: [] };

function charTokenizer(characters: readonly string[]): Tokenizer {
  const ids = new Map(characters.map((character, id) => [character, id]));
  return {
    kind: 'char',
    vocabulary: characters.length,
    ...NO_DOCUMENTS,
    encode(text) {
      const tokens = new Uint32Array(text.length);
      let count = 0;
      for (const character of text) {
        const id = ids.get(character);
        if (id === undefined) throw unknownCharacters(text, ids);
        tokens[count++] = id;
      }
      return tokens.slice(0, count); // shorter than text.length if there are surrogate pairs
    },
    decode: (tokens) => Array.from(tokens, (id) => characters[id] ?? REPLACEMENT).join(''),
    decoder: () => (token) => characters[token] ?? REPLACEMENT,
    name: (token) => characters[token] ?? REPLACEMENT,
    json: { kind: 'char', characters: characters.join('') },
  };
}

function byteTokenizer(): Tokenizer {
  return {
    kind: 'byte',
    vocabulary: 256,
    ...NO_DOCUMENTS,
    encode: (text) => Uint32Array.from(new TextEncoder().encode(text)),
    decode: (tokens) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(tokens)),
    decoder: () => {
      const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
      return (token) => decoder.decode(Uint8Array.of(token), { stream: true });
    },
    name: (token) => (token < 0x80 ? String.fromCharCode(token) : `0x${token.toString(16)}`),
    json: { kind: 'byte' },
  };
}

function pairTokenizer(json: PairJson): Tokenizer {
  const bytes = tokenBytes(pairModel(json));
  return {
    kind: json.kind,
    vocabulary: bytes.length,
    ...documentTokens(json),
    encode: encodingOf(json),
    ...decodingOf((token) => bytes[token]),
    json,
  };
}

function loadedTokenizer(json: LoadedJson): Tokenizer {
  const model = readLoaded(json.file);
  const bytes = loadedBytes(model);
  const stripsSpace = model.words.kind === 'characters' && model.words.stripsSpace;
  const isText = (token: number) => !model.special.has(token);
  return {
    kind: 'loaded',
    vocabulary: bytes.length,
    ...documentTokens(json),
    encode: encodingOf(json),
    ...decodingOf((token) => bytes[token], stripsSpace ? isText : null),
    json,
  };
}

export type DocumentTokens = Pick<Tokenizer, 'start' | 'bos' | 'end' | 'ends'>;

/** The ids with which a document begins and ends. */
export function documentTokens(json: TokenizerJson): DocumentTokens {
  if (json.kind === 'gpt2') return { start: [], bos: GPT2_END_ID, end: GPT2_END_ID, ends: [GPT2_END_ID] };
  if (json.kind !== 'loaded') return NO_DOCUMENTS;
  const { start, added } = readLoaded(json.file);
  const named = END_NAMES.map((name) => added.get(name)).filter((id) => id !== undefined);
  const ends = json.end === undefined ? named.slice(0, 1) : [json.end].flat();
  return { start, bos: json.bos ?? start[0] ?? null, end: ends[0] ?? null, ends };
}

/** Names of the token that ends a document, where no file says which it is. */
const END_NAMES = ['<|endoftext|>', '<|end_of_text|>', '</s>'];

type LoadedJson = Extract<TokenizerJson, { kind: 'loaded' }>;
/** Tokenizers whose ids are pieces of words. */
export type PieceJson = PairJson | LoadedJson;

/** Encodes a text that arrives in pieces. The ids do not depend on where the pieces end. */
export interface TextReader {
  /** Characters of the longest word so far. */
  readonly longestWord: number;
  /** @throws SpanTooShort */
  push(codePoints: ArrayLike<number>): void;
  /** @throws SpanTooShort */
  end(): void;
}

/**
 * Returns a function that makes readers of texts, which share the tables for encoding.
 * @throws RangeError before `loadTokenizer` where the tokenizer needs it
 */
export function textReaders(
  json: PieceJson,
): (take: (ids: readonly number[]) => void, span: Span) => TextReader {
  if (json.kind !== 'loaded') {
    const encoder = new PairEncoder(pairModel(json));
    const endOfText = endsText(json);
    return (take, span) => new PieceReader(encoder, take, { endOfText, span });
  }
  const loaded = new LoadedEncoder(readLoaded(json.file));
  return (take, span) => {
    take(loaded.model.start);
    return new LoadedReader(loaded, take, span);
  };
}

function encodingOf(json: PieceJson): Tokenizer['encode'] {
  const readerWith = textReaders(json);
  return (text) => {
    const codePoints = codePointsOf(text);
    return withSpan((span) => {
      const ids: number[] = [];
      const reader = readerWith((some) => {
        for (const id of some) ids.push(id);
      }, span);
      reader.push(codePoints);
      reader.end();
      return Uint32Array.from(ids);
    });
  };
}

/**
 * Decodes ids that stand for bytes.
 * @param isText tells tokens with text from special ones, where a space at the start is dropped; null where it is kept
 */
function decodingOf(
  bytesOf: (token: number) => Uint8Array | undefined,
  isText: ((token: number) => boolean) | null = null,
): Pick<Tokenizer, 'decode' | 'decoder' | 'name'> {
  const replacement = new TextEncoder().encode(REPLACEMENT);
  const textDecoder = (fatal = false) => new TextDecoder('utf-8', { fatal, ignoreBOM: true });
  const partsOf = (before: ArrayLike<number>) => {
    let begins = isText !== null && !Array.from(before).some(isText);
    const decoder = textDecoder();
    const part = (token: number) => {
      const text = decoder.decode(bytesOf(token) ?? replacement, { stream: true });
      if (!begins || text === '') return text;
      begins = false;
      return text.startsWith(' ') ? text.slice(1) : text;
    };
    return { part, rest: () => decoder.decode() };
  };
  return {
    decode(tokens, before = []) {
      const { part, rest } = partsOf(before);
      return Array.from(tokens, part).join('') + rest();
    },
    decoder: (before = []) => partsOf(before).part,
    name(token) {
      const bytes = bytesOf(token) ?? replacement;
      try {
        return textDecoder(true).decode(bytes);
      } catch {
        return Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
      }
    },
  };
}

/** Whether `<|endoftext|>` in a text becomes a special token. */
export function endsText(json: TokenizerJson): boolean {
  return json.kind === 'gpt2' && json.endOfText === true;
}

/** Replaces lone surrogates by U+FFFD, as encoding to UTF-8 does. */
function codePointsOf(text: string): number[] {
  return Array.from(text, (character) => {
    const codePoint = character.codePointAt(0)!;
    return codePoint >= 0xd800 && codePoint < 0xe000 ? 0xfffd : codePoint;
  });
}

/** Number of characters that a message lists. */
const NAMED = 8;

function unknownCharacters(text: string, ids: ReadonlyMap<string, number>): EngineError {
  return unknownCharactersError(
    ids.size,
    [...new Set(text)].filter((character) => !ids.has(character)),
  );
}

/** @param known size of the vocabulary  @param unknown characters of a text that it does not contain */
export function unknownCharactersError(known: number, unknown: readonly string[]): EngineError {
  const names = unknown.slice(0, NAMED).map(nameOf);
  if (unknown.length > NAMED) names.push(`${unknown.length - NAMED} more`);
  return new EngineError(
    'BAD_TEXT',
    `Not among the ${known} characters of the training text: ${names.join(', ')}.`,
    `Leave ${unknown.length > 1 ? 'them' : 'it'} out, or train with the byte tokenizer, which can write any text.`,
  );
}

function nameOf(character: string): string {
  const codePoint = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return `${JSON.stringify(character)} (U+${codePoint})`;
}
