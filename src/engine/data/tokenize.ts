/**
 * A text of any size to token ids. It is read twice, chunk by chunk, and is never in memory as a whole: once to learn
 * its characters and their number, once to write the tokens into an array of exactly that size.
 */
import { EngineError } from '../errors.ts';
import type { TokenArray } from './batches.ts';
import { learnPairs } from './bpe.ts';
import { Checksum } from './checksum.ts';
import { loadGpt2 } from './gpt2.ts';
import {
  createTokenizer,
  MOST_SYMBOLS,
  notAmong,
  pairTokens,
  type Tokenizer,
  type TokenizerChoice,
  type TokenizerJson,
} from './tokenizer.ts';
import { checkTextSize, empty, Utf8Reader } from './utf8.ts';
import { countTokens, type PieceReader, pieceReader, WordCounts } from './wordPieces.ts';

/** Where a text comes from: a file, a built-in text, a test. */
export interface TextStream {
  readonly name: string;
  /** Bytes, where they are known before the text is read. */
  readonly size: number | null;
  /** Reads the text from its start, once a pass. */
  open(): AsyncIterable<Uint8Array>;
}

export interface TokenizedText {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  /** A byte a token for up to 256 different tokens, else two. */
  readonly tokens: TokenArray;
  /** Size of the text in UTF-8, without a byte order mark. */
  readonly bytes: number;
  /** Fingerprint of the text's UTF-8 bytes, 16 hex digits: equal for equal texts, whatever the tokenizer. */
  readonly checksum: string;
}

export interface TokenizeProgress {
  /** The first pass reads, the second writes the tokens. */
  readonly pass: 1 | 2;
  readonly bytes: number;
  readonly size: number | null;
}

export interface TokenizeOptions {
  /** Called for every chunk. */
  readonly onProgress?: (progress: TokenizeProgress) => void;
  /** Called when the text was read once, before anything is made of it: what it throws ends the work. */
  readonly onFingerprint?: (checksum: string) => void;
  /** Ends the work between two chunks with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Bytes that are decoded at a time, so that what is needed beside the tokens is small whatever the chunks are. */
const PIECE_BYTES = 64 * 1024;
const CODE_POINTS = 0x110000;

/**
 * Tokens of a streamed text. Memory: the tokens, some megabytes of tables, and what the stream itself holds.
 * @param kind of a tokenizer made for this text, or one that exists already
 * @throws EngineError BAD_TEXT when it is empty, too large, binary, not UTF-8, or was changed between the passes;
 * TOKENIZER_UNAVAILABLE
 */
export async function tokenize(
  stream: TextStream,
  kind: TokenizerChoice | TokenizerJson,
  { onProgress, onFingerprint, signal }: TokenizeOptions = {},
): Promise<TokenizedText> {
  const { name, size } = stream;
  if (size === 0) throw empty();
  checkTextSize(size ?? 0);
  if (kind === 'gpt2' || (typeof kind === 'object' && kind.kind === 'gpt2')) await loadGpt2();
  const readAll = async (pass: 1 | 2, take: (piece: Uint8Array) => void): Promise<void> => {
    let bytes = 0;
    for await (const chunk of stream.open()) {
      signal?.throwIfAborted();
      for (const piece of piecesOf(chunk)) take(piece);
      bytes += chunk.length;
      onProgress?.({ pass, bytes, size });
    }
  };
  const survey = new Survey(kind);
  await readAll(1, (piece) => survey.take(piece));
  const found = survey.end(onFingerprint);
  const writer = new TokenWriter(found);
  await readAll(2, (piece) => writer.take(piece));
  return { name, ...result(found, writer) };
}

/** The same of a text that is in memory already. @throws RangeError for GPT-2's tokenizer before `loadGpt2` */
export function tokenizeString(
  text: string,
  name: string,
  kind: TokenizerChoice | TokenizerJson,
): TokenizedText {
  const bytes = new TextEncoder().encode(text);
  const survey = new Survey(kind);
  for (const piece of piecesOf(bytes)) survey.take(piece);
  const found = survey.end();
  const writer = new TokenWriter(found);
  for (const piece of piecesOf(bytes)) writer.take(piece);
  return { name, ...result(found, writer) };
}

/** A text in memory as a stream, for texts that the program brings itself. */
export function streamOf(name: string, bytes: Uint8Array): TextStream {
  return {
    name,
    size: bytes.length,
    async *open() {
      yield bytes;
    },
  };
}

interface Found {
  readonly tokenizer: Tokenizer;
  readonly count: number;
  readonly bytes: number;
  readonly markBytes: number;
  readonly checksum: string;
}

function result({ tokenizer, bytes, checksum }: Found, writer: TokenWriter) {
  return { tokenizer, tokens: writer.end(), bytes, checksum };
}

/** First pass: which characters there are, how many tokens they make, and the fingerprint. */
class Survey {
  readonly #reader = new Utf8Reader();
  readonly #checksum = new Checksum();
  readonly #seen = new Uint8Array(CODE_POINTS);
  #largest = 0;
  #characters = 0;
  /** The first bytes wait until it is known whether they are a mark, which the fingerprint leaves out. */
  #head: number[] | null = [];
  /** What is fitted to the text; null where the tokenizer is there already. */
  readonly #choice: Exclude<TokenizerChoice, 'gpt2'> | null;
  readonly #given: TokenizerJson | null;
  /** Of a text that pairs are learned from. */
  readonly #words: WordCounts | null;
  /** Of a text whose pairs are known. */
  readonly #pieces: PieceReader | null;
  #tokens = 0;

  constructor(kind: TokenizerChoice | TokenizerJson) {
    this.#choice = typeof kind === 'string' && kind !== 'gpt2' ? kind : null;
    this.#given = kind === 'gpt2' ? { kind } : typeof kind === 'object' ? kind : null;
    this.#words = this.#choice && pairTokens(this.#choice) !== null ? new WordCounts() : null;
    this.#pieces = this.#given && pieceReader(this.#given);
  }

  take(piece: Uint8Array): void {
    const codePoints = this.#reader.push(piece);
    let largest = this.#largest;
    for (let i = 0; i < codePoints.length; i++) {
      const codePoint = codePoints[i]!;
      this.#seen[codePoint] = 1;
      if (codePoint > largest) largest = codePoint;
    }
    this.#largest = largest;
    this.#characters += codePoints.length;
    this.#fingerprint(piece);
    this.#words?.take(codePoints);
    if (this.#pieces) this.#countTokens(this.#pieces.push(codePoints));
  }

  end(onFingerprint?: (checksum: string) => void): Found {
    this.#reader.end();
    if (this.#head) this.#checksum.add(this.#head);
    const checksum = this.#checksum.hex();
    onFingerprint?.(checksum);
    const { bytes, markBytes } = this.#reader;
    if (this.#pieces) this.#countTokens(this.#pieces.end());
    const words = this.#words?.end();
    const json = this.#given ? this.#checked(this.#given) : this.#fitted(this.#choice!, words);
    const tokenizer = createTokenizer(json);
    return { tokenizer, count: this.#count(json, words), bytes, markBytes, checksum };
  }

  #countTokens(words: readonly (readonly number[])[]): void {
    for (const ids of words) this.#tokens += ids.length;
  }

  #count(json: TokenizerJson, words: ReadonlyMap<string, number> | undefined): number {
    if (json.kind === 'byte') return this.#reader.bytes;
    if (json.kind === 'char') return this.#characters;
    return words ? countTokens(words, json) : this.#tokens;
  }

  #fitted(choice: TokenizerChoice, words: ReadonlyMap<string, number> | undefined): TokenizerJson {
    if (choice === 'byte') return { kind: 'byte' };
    if (words) return { kind: 'bpe', pairs: learnPairs(words, pairTokens(choice)!) };
    return { kind: 'char', characters: charactersOf(this.#seenCodePoints) };
  }

  #checked(json: TokenizerJson): TokenizerJson {
    if (json.kind !== 'char') return json;
    const known = new Set(json.characters);
    const unknown: string[] = [];
    this.#seenCodePoints.forEach((seen, codePoint) => {
      if (seen && !known.has(String.fromCodePoint(codePoint))) unknown.push(String.fromCodePoint(codePoint));
    });
    if (unknown.length > 0) throw notAmong(known.size, unknown);
    return json;
  }

  get #seenCodePoints(): Uint8Array {
    return this.#seen.subarray(0, this.#largest + 1);
  }

  #fingerprint(piece: Uint8Array): void {
    if (!this.#head) {
      this.#checksum.add(piece);
      return;
    }
    const { markBytes } = this.#reader;
    this.#head.push(...piece.subarray(0, 3));
    if (this.#head.length < 3) return;
    this.#checksum.add(this.#head.slice(markBytes));
    this.#head = null;
    this.#checksum.add(piece.subarray(3));
  }
}

/** Second pass: ids into an array that is as long as the text and as wide as the vocabulary needs. */
class TokenWriter {
  readonly #found: Found;
  readonly #tokens: Uint8Array | Uint16Array;
  readonly #reader = new Utf8Reader();
  /** Id of a code point, -1 for those that the first pass did not see; null where bytes are tokens. */
  readonly #ids: Int32Array | null = null;
  /** Null where tokens are no pieces of words. */
  readonly #pieces: PieceReader | null;
  #count = 0;
  #skip: number;

  constructor(found: Found) {
    this.#found = found;
    this.#skip = found.markBytes;
    this.#tokens = allocate(found.count, found.tokenizer.vocabulary);
    const { json } = found.tokenizer;
    this.#pieces = pieceReader(json);
    if (json.kind !== 'char') return;
    const codePoints = Array.from(json.characters, (character) => character.codePointAt(0)!);
    const ids = new Int32Array(Math.max(...codePoints) + 1).fill(-1);
    for (const [id, codePoint] of codePoints.entries()) ids[codePoint] = id;
    this.#ids = ids;
  }

  take(piece: Uint8Array): void {
    const ids = this.#ids;
    if (this.#pieces) {
      this.#takeWords(this.#pieces.push(this.#reader.push(piece)));
      return;
    }
    if (!ids) {
      this.#takeBytes(piece);
      return;
    }
    const codePoints = this.#reader.push(piece);
    const tokens = this.#tokens;
    let count = this.#count;
    if (count + codePoints.length > tokens.length) throw changed();
    for (let i = 0; i < codePoints.length; i++) {
      const id = ids[codePoints[i]!]!;
      if (!(id >= 0)) throw changed();
      tokens[count++] = id;
    }
    this.#count = count;
  }

  end(): Uint8Array | Uint16Array {
    if (this.#pieces) this.#takeWords(this.#pieces.end());
    if (this.#count !== this.#found.count) throw changed();
    return this.#tokens;
  }

  #takeWords(words: readonly (readonly number[])[]): void {
    for (const ids of words) {
      if (this.#count + ids.length > this.#tokens.length) throw changed();
      this.#tokens.set(ids, this.#count);
      this.#count += ids.length;
    }
  }

  #takeBytes(piece: Uint8Array): void {
    const skipped = Math.min(this.#skip, piece.length);
    this.#skip -= skipped;
    const rest = piece.subarray(skipped);
    if (this.#count + rest.length > this.#tokens.length) throw changed();
    this.#tokens.set(rest, this.#count);
    this.#count += rest.length;
  }
}

function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
}

/** Ascending, so that equal texts have equal ids whatever their order. */
function charactersOf(seen: Uint8Array): string {
  const characters: string[] = [];
  for (let codePoint = 0; codePoint < seen.length; codePoint++) {
    if (seen[codePoint]) characters.push(String.fromCodePoint(codePoint));
  }
  if (characters.length > MOST_SYMBOLS) {
    throw new EngineError(
      'BAD_TEXT',
      `The text has ${characters.length} different characters; at most ${MOST_SYMBOLS} can be tokens of their own.`,
      'Train with the byte tokenizer, which needs 256 tokens for any text.',
    );
  }
  return characters.join('');
}

function allocate(count: number, vocabulary: number): Uint8Array | Uint16Array {
  const bytesEach = vocabulary <= 256 ? 1 : 2;
  try {
    return bytesEach === 1 ? new Uint8Array(count) : new Uint16Array(count);
  } catch (cause) {
    throw new EngineError(
      'BAD_TEXT',
      `The ${count} tokens of the text need ${Math.ceil((count * bytesEach) / 2 ** 20)} MiB in one piece, and there is no room for them.`,
      'Close other pages, or use a shorter text.',
      { cause },
    );
  }
}

function changed(): EngineError {
  return new EngineError(
    'BAD_TEXT',
    'The text was changed while it was read.',
    'Give it again when it is complete.',
  );
}
