/**
 * Converts text to token ids and back. A token is a character (Unicode code point), a UTF-8 byte, or a piece of a word
 * from a byte-pair encoding, which is learned from the text or GPT-2's.
 */
import { inWords } from '../core/checkOptions.ts';
import { EngineError, suggestion } from '../core/errors.ts';
import { GPT2_VOCABULARY, gpt2Model } from './gpt2.ts';
import { learnedModel, PairEncoder, type PairModel, tokenBytes } from './pairModel.ts';
import { PieceReader, withSpan } from './wordPieces.ts';

/** The serialised form of a tokenizer, which saved runs contain. */
export type TokenizerJson =
  | { readonly kind: 'char'; readonly characters: string }
  | { readonly kind: 'byte' }
  /** The two ids of token 256, then of token 257, and so on. Lower ids are bytes. */
  | { readonly kind: 'bpe'; readonly pairs: readonly number[] }
  /** GPT-2's own. With `endOfText`, `<|endoftext|>` in a text becomes the token that ends a document; else it is ordinary text. */
  | { readonly kind: 'gpt2'; readonly endOfText?: true };

/** The tokenizer setting of a run: `bpe:N` learns up to N tokens from the text, `gpt2-eot` is GPT-2's with `endOfText`. */
export type TokenizerChoice = 'char' | 'byte' | `bpe:${number}` | 'gpt2' | 'gpt2-eot';

export interface Tokenizer {
  readonly kind: TokenizerJson['kind'];
  /** Number of distinct tokens, V. Ids are 0..V-1. */
  readonly vocabulary: number;
  /** @throws EngineError BAD_TEXT naming the characters that are not in the vocabulary */
  encode(text: string): Uint32Array;
  /** Never fails. Ids outside the vocabulary and invalid UTF-8 become U+FFFD, because a model may produce them. */
  decode(tokens: ArrayLike<number>): string;
  /**
   * Decodes a stream of tokens one at a time. A character that takes several tokens is returned with the last of them;
   * the tokens before it return an empty string.
   */
  decoder(): (token: number) => string;
  /** The name of a token in a list: its text, or its bytes in hexadecimal where they are not whole characters. */
  name(token: number): string;
  readonly json: TokenizerJson;
}

/** Largest vocabulary of a tokenizer, because ids are stored in at most two bytes. */
export const MAX_VOCABULARY = 2 ** 16;

const REPLACEMENT = '\ufffd';

/** @throws RangeError for GPT-2's tokenizer before `loadGpt2` */
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
  return json.kind === 'bpe' ? `bpe:${tokensIn(json)}` : json.kind;
}

/** Number of distinct tokens, V, of a serialised tokenizer. */
export function tokensIn(json: TokenizerJson): number {
  if (json.kind === 'char') return [...json.characters].length;
  if (json.kind === 'gpt2') return GPT2_VOCABULARY;
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
  if (choice === 'char') return null;
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
