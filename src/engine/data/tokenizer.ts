/** Text to token ids and back: one token a character (Unicode code point) or one a UTF-8 byte. */
import { EngineError } from '../errors.ts';

/** What rebuilds a tokenizer; part of saved runs. */
export type TokenizerJson =
  | { readonly kind: 'char'; readonly characters: string }
  | { readonly kind: 'byte' };

export interface Tokenizer {
  readonly kind: TokenizerJson['kind'];
  /** Number of different tokens, V. Ids are 0..V-1. */
  readonly vocabulary: number;
  /** @throws EngineError BAD_TEXT for a character that the vocabulary lacks */
  encode(text: string): Uint32Array;
  /** Never fails: ids outside the vocabulary and broken UTF-8 become U+FFFD, since a model may write them. */
  decode(tokens: ArrayLike<number>): string;
  readonly json: TokenizerJson;
}

const REPLACEMENT = '\ufffd';

/** @param text what the vocabulary of a `char` tokenizer is made of; a `byte` tokenizer does not read it */
export function createTokenizer(kind: Tokenizer['kind'], text: string): Tokenizer {
  return kind === 'byte' ? byteTokenizer() : charTokenizer(charactersOf(text));
}

export function tokenizerFromJson(json: TokenizerJson): Tokenizer {
  return json.kind === 'byte' ? byteTokenizer() : charTokenizer([...json.characters]);
}

/** The text's distinct code points in ascending order. */
function charactersOf(text: string): string[] {
  return [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
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
        if (id === undefined) throw unknownCharacter(character, count, characters.length);
        tokens[count++] = id;
      }
      return tokens.slice(0, count); // fewer than text.length where there are surrogate pairs
    },
    decode: (tokens) => Array.from(tokens, (id) => characters[id] ?? REPLACEMENT).join(''),
    json: { kind: 'char', characters: characters.join('') },
  };
}

function byteTokenizer(): Tokenizer {
  return {
    kind: 'byte',
    vocabulary: 256,
    encode: (text) => Uint32Array.from(new TextEncoder().encode(text)),
    decode: (tokens) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(tokens)),
    json: { kind: 'byte' },
  };
}

function unknownCharacter(character: string, position: number, vocabulary: number): EngineError {
  const codePoint = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return new EngineError(
    'BAD_TEXT',
    `Character ${position + 1}, ${JSON.stringify(character)} (U+${codePoint}), is not among the ${vocabulary} characters of the training text.`,
    'Leave it out, or train with the byte tokenizer, which can write any text.',
  );
}
