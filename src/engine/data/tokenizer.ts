/**
 * Text to token ids and back: one token a character (Unicode code point), a UTF-8 byte, or a piece of a word, learned from
 * the text or GPT-2's.
 */
import { inWords } from '../core/checkOptions.ts';
import { EngineError, suggestion } from '../core/errors.ts';
import { GPT2_VOCABULARY, gpt2Model } from './gpt2.ts';
import { learnedModel, PairEncoder, type PairModel, tokenBytes } from './pairModel.ts';
import { PieceReader, withSpan } from './wordPieces.ts';

/** What rebuilds a tokenizer; part of saved runs. */
export type TokenizerJson =
  | { readonly kind: 'char'; readonly characters: string }
  | { readonly kind: 'byte' }
  /** The two ids of token 256, of token 257, and so on; tokens below are bytes. */
  | { readonly kind: 'bpe'; readonly pairs: readonly number[] }
  /** GPT-2's own. With `endOfText` its `<|endoftext|>` in a text is the token that ends a document; else it is text like any other. */
  | { readonly kind: 'gpt2'; readonly endOfText?: true };

/** What a run asks for: `bpe:N` learns up to N tokens from the text, `gpt2-eot` is GPT-2's with `endOfText`. */
export type TokenizerChoice = 'char' | 'byte' | `bpe:${number}` | 'gpt2' | 'gpt2-eot';

export interface Tokenizer {
  readonly kind: TokenizerJson['kind'];
  /** Number of different tokens, V. Ids are 0..V-1. */
  readonly vocabulary: number;
  /** @throws EngineError BAD_TEXT naming the characters that the vocabulary lacks */
  encode(text: string): Uint32Array;
  /** Never fails: ids outside the vocabulary and broken UTF-8 become U+FFFD, since a model may write them. */
  decode(tokens: ArrayLike<number>): string;
  /**
   * Decodes a stream of tokens one at a time. A character of several tokens comes with the last of them: the tokens
   * before it give an empty text.
   */
  decoder(): (token: number) => string;
  /** What stands for one token in a list: its character, or the byte in hexadecimal where it is only a part of one. */
  name(token: number): string;
  readonly json: TokenizerJson;
}

/** As many as two bytes can number. */
export const MOST_SYMBOLS = 2 ** 16;

const REPLACEMENT = '\ufffd';

/** @throws RangeError for GPT-2's before `loadGpt2` */
export function createTokenizer(json: TokenizerJson): Tokenizer {
  switch (json.kind) {
    case 'byte':
      return byteTokenizer();
    case 'char':
      return charTokenizer([...json.characters]);
    case 'bpe':
    case 'gpt2':
      return pairTokenizer(json);
  }
}

type PairJson = Extract<TokenizerJson, { kind: 'bpe' | 'gpt2' }>;

/** The tokens of a tokenizer that joins pairs; null for the others. */
export function pairModel(json: PairJson): PairModel;
export function pairModel(json: TokenizerJson): PairModel | null;
export function pairModel(json: TokenizerJson): PairModel | null {
  if (json.kind === 'gpt2') return gpt2Model();
  return json.kind === 'bpe' ? learnedModel(json.pairs) : null;
}

/** The choice that asks for a tokenizer like this one. */
export function choiceOf(json: TokenizerJson): TokenizerChoice {
  if (json.kind === 'gpt2') return json.endOfText ? 'gpt2-eot' : 'gpt2';
  return json.kind === 'bpe' ? `bpe:${tokensIn(json)}` : json.kind;
}

/** Number of different tokens, V, of the tokenizer that this rebuilds. */
export function tokensIn(json: TokenizerJson): number {
  if (json.kind === 'char') return [...json.characters].length;
  if (json.kind === 'gpt2') return GPT2_VOCABULARY;
  return LEAST_PAIR_TOKENS + (json.kind === 'bpe' ? json.pairs.length / 2 : 0);
}

/** GPT-2's tokenizer as a choice asks for it; null for the choices that are made for a text. */
export function gpt2Json(choice: TokenizerChoice): TokenizerJson | null {
  if (choice === 'gpt2') return { kind: 'gpt2' };
  return choice === 'gpt2-eot' ? { kind: 'gpt2', endOfText: true } : null;
}

/** How a text is read for a model that brings its tokenizer: what `<|endoftext|>` means in GPT-2's is the run's choice. */
export function tokenizerOfModel(own: TokenizerJson, choice: TokenizerChoice): TokenizerJson {
  return (own.kind === 'gpt2' && gpt2Json(choice)) || own;
}

/** The same of choices; null for none. */
export function choiceOfModel(own: TokenizerChoice, choice: TokenizerChoice | null): TokenizerChoice {
  return choice !== null && gpt2Json(own) && gpt2Json(choice) ? choice : own;
}

/** Bytes alone. */
const LEAST_PAIR_TOKENS = 256;

/**
 * Tokens of a choice, at most; null where the text decides.
 * @throws EngineError BAD_VALUE for what is no choice
 */
export function mostTokens(choice: TokenizerChoice): number | null {
  if (choice === 'char') return null;
  if (choice === 'byte') return LEAST_PAIR_TOKENS;
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
 * The size asked for by `bpe:N`; null for the other tokenizers.
 * @throws EngineError BAD_VALUE where N cannot be
 */
export function pairTokens(choice: TokenizerChoice): number | null {
  if (typeof choice !== 'string' || !choice.startsWith('bpe:')) return null;
  const digits = choice.slice('bpe:'.length);
  const tokens = /^\d{1,6}$/.test(digits) ? Number(digits) : 0;
  if (tokens >= LEAST_PAIR_TOKENS && tokens <= MOST_SYMBOLS) return tokens;
  throw new EngineError(
    'BAD_VALUE',
    `tokenizer is "${choice.slice(0, 40)}".`,
    `After bpe: comes the number of tokens, from ${LEAST_PAIR_TOKENS} to ${MOST_SYMBOLS}, as in bpe:1024.`,
  );
}

function charTokenizer(characters: readonly string[]): Tokenizer {
  const ids = new Map(characters.map((character, id) => [character, id]));
  return {
    kind: 'char',
    vocabulary: characters.length,
    encode(text) {
      const tokens = new Uint32Array(text.length);
      let count = 0;
      for (const character of text) {
        const id = ids.get(character);
        if (id === undefined) throw unknownCharacters(text, ids);
        tokens[count++] = id;
      }
      return tokens.slice(0, count); // fewer than text.length where there are surrogate pairs
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
  const model = pairModel(json);
  const bytes = tokenBytes(model);
  const encoder = new PairEncoder(model);
  const replacement = new TextEncoder().encode(REPLACEMENT);
  const bytesOf = (token: number) => bytes[token] ?? replacement;
  const textDecoder = (fatal = false) => new TextDecoder('utf-8', { fatal, ignoreBOM: true });
  return {
    kind: json.kind,
    vocabulary: bytes.length,
    encode(text) {
      const codePoints = codePointsOf(text);
      return withSpan((span) => {
        const ids: number[] = [];
        const take = (some: readonly number[]) => {
          for (const id of some) ids.push(id);
        };
        const reader = new PieceReader(encoder, take, { endOfText: endsText(json), span });
        reader.push(codePoints);
        reader.end();
        return Uint32Array.from(ids);
      });
    },
    decode(tokens) {
      const decoder = textDecoder();
      const parts = Array.from(tokens, (token) => decoder.decode(bytesOf(token), { stream: true }));
      return parts.join('') + decoder.decode();
    },
    decoder() {
      const decoder = textDecoder();
      return (token) => decoder.decode(bytesOf(token), { stream: true });
    },
    name(token) {
      try {
        return textDecoder(true).decode(bytesOf(token));
      } catch {
        return Array.from(bytesOf(token), (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
      }
    },
    json,
  };
}

/** Whether `<|endoftext|>` in a text is a token of its own. */
export function endsText(json: TokenizerJson): boolean {
  return json.kind === 'gpt2' && json.endOfText === true;
}

/** Half a surrogate pair is no character and becomes U+FFFD, as in UTF-8. */
function codePointsOf(text: string): number[] {
  return Array.from(text, (character) => {
    const codePoint = character.codePointAt(0)!;
    return codePoint >= 0xd800 && codePoint < 0xe000 ? 0xfffd : codePoint;
  });
}

/** Characters named in a message; more of them say nothing more. */
const NAMED = 8;

function unknownCharacters(text: string, ids: ReadonlyMap<string, number>): EngineError {
  return notAmong(
    ids.size,
    [...new Set(text)].filter((character) => !ids.has(character)),
  );
}

/** @param unknown characters of a text that are none of the vocabulary's `known` */
export function notAmong(known: number, unknown: readonly string[]): EngineError {
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
