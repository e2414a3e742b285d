/**
 * A text of any size to token ids. It is read twice, piece by piece, and is never in memory as a whole: once to learn
 * what it is made of, once to write the tokens.
 */
import type { TokenArray } from './batches.ts';
import { loadGpt2 } from './gpt2.ts';
import { FIRST_SPAN, type Span, SpanTooShort, wider } from './longWord.ts';
import { type Found, type Learning, Survey } from './survey.ts';
import type { Tokenizer, TokenizerChoice, TokenizerJson } from './tokenizer.ts';
import { tokenWriter, type Written } from './tokenWriter.ts';
import { Turns } from './turns.ts';
import { checkTextSize, emptyText } from './utf8.ts';
import { withSpan } from './wordPieces.ts';

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
  readonly reading: TextReading;
}

/** What is to be known of how a text was read. */
export interface TextReading {
  /** Times that the text has `<|endoftext|>`. */
  readonly endMarks: number;
  /** Bytes of the text that no pair was learned from: there was no room for more different words. */
  readonly unlearned: number;
  /** Fingerprint of the tokens where they are pieces of words; null for others, which `checksum` tells apart. */
  readonly tokens: string | null;
  /** Whether versions whose saved runs have no such fingerprint may have made other tokens of the text. */
  readonly wasReadOtherwise: boolean;
}

/** `size` is null where nobody knows it. */
export type TokenizeProgress =
  | { readonly stage: 'reading' | 'tokenizing'; readonly bytes: number; readonly size: number | null }
  | ({ readonly stage: 'learning' } & Learning);

export interface TokenizeOptions {
  /** Called for every chunk, and many times while pairs are learned. */
  readonly onProgress?: (progress: TokenizeProgress) => void;
  /** Called when the text was read once, before anything is made of it: what it throws ends the work. */
  readonly onFingerprint?: (checksum: string) => void;
  /** Ends the work with the signal's reason. Other tasks have their turn every 64 KiB, and every 8,192 places while pairs are learned. */
  readonly signal?: AbortSignal;
}

/** Bytes that are read at a time, so that what is needed beside the tokens is small whatever the chunks are. */
const PIECE_BYTES = 64 * 1024;

/**
 * Tokens of a streamed text. Memory: the tokens, twice where they are pieces of words; some megabytes of tables; what
 * learning pairs takes, which is bounded whatever the text; and what the stream itself holds.
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
  if (size === 0) throw emptyText();
  checkTextSize(size ?? 0);
  if (isGpt2(kind)) await loadGpt2();
  const turns = new Turns(signal);
  const readAll = async (stage: 'reading' | 'tokenizing', take: (piece: Uint8Array) => void) => {
    let bytes = 0;
    for await (const chunk of stream.open()) {
      signal?.throwIfAborted();
      for (const piece of piecesOf(chunk)) {
        take(piece);
        await turns.next();
      }
      bytes += chunk.length;
      onProgress?.({ stage, bytes, size });
    }
  };
  const write = async (found: Found, span: Span): Promise<Written> => {
    const writer = tokenWriter(found, span);
    try {
      await readAll('tokenizing', (piece) => writer.take(piece));
      return writer.end();
    } catch (cause) {
      if (!(cause instanceof SpanTooShort)) throw cause;
      return write(found, wider(span));
    }
  };
  try {
    const survey = new Survey(kind);
    await readAll('reading', (piece) => survey.take(piece));
    const fingerprint = survey.end();
    onFingerprint?.(fingerprint);
    const fitting = survey.fit();
    let step = fitting.next();
    for (; !step.done; step = fitting.next()) {
      onProgress?.({ stage: 'learning', ...step.value });
      await turns.next();
    }
    return { name, ...result(step.value, await write(step.value, FIRST_SPAN)) };
  } finally {
    turns.close();
  }
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
  survey.end();
  const fitting = survey.fit();
  let step = fitting.next();
  while (!step.done) step = fitting.next();
  const found = step.value;
  const written = withSpan((span) => {
    const writer = tokenWriter(found, span);
    for (const piece of piecesOf(bytes)) writer.take(piece);
    return writer.end();
  });
  return { name, ...result(found, written) };
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

function isGpt2(kind: TokenizerChoice | TokenizerJson): boolean {
  return typeof kind === 'object' ? kind.kind === 'gpt2' : kind.startsWith('gpt2');
}

/** Characters at which words were cut before: of learned pairs, and of GPT-2's, whose 2^16 code units are as many at least. */
const WORDS_WERE_CUT_AT = { bpe: 64, gpt2: 2 ** 15 };

function result(found: Found, { tokens, checksum, longestWord }: Written): Omit<TokenizedText, 'name'> {
  const { tokenizer, bytes, endMarks, unlearned, hasOddSpace } = found;
  const { kind } = tokenizer;
  const inPieces = kind === 'bpe' || kind === 'gpt2';
  const wasReadOtherwise = inPieces && (hasOddSpace || longestWord > WORDS_WERE_CUT_AT[kind]);
  const reading = { endMarks, unlearned, tokens: checksum, wasReadOtherwise };
  return { tokenizer, tokens, bytes, checksum: found.checksum, reading };
}

function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
}
