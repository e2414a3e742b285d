/**
 * Tokenizes a text of any size. The text is read twice, piece by piece, and is never in memory as a whole: the first pass
 * surveys it and fits the tokenizer, the second writes the tokens.
 */
import type { TokenArray } from './batches.ts';
import { FIRST_SPAN, type Span, SpanTooShort, wider } from './longWord.ts';
import { type Learning, Survey, type SurveyedText } from './survey.ts';
import {
  gpt2Json,
  loadTokenizer,
  type Tokenizer,
  type TokenizerChoice,
  type TokenizerJson,
} from './tokenizer.ts';
import { tokenWriter, type Written } from './tokenWriter.ts';
import { Turns } from './turns.ts';
import { checkTextSize, emptyText } from './utf8.ts';
import { withSpan } from './wordPieces.ts';

/** The source of a text, such as a file or a built-in text. */
export interface TextStream {
  readonly name: string;
  /** Size in bytes; null when it is not known before the text is read. */
  readonly size: number | null;
  /** Reads the text from its start. It is called once for each pass. */
  open(): AsyncIterable<Uint8Array>;
}

export interface TokenizedText {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  /** One byte for each token where the vocabulary has at most 256, two where it has at most 65,536, else four. */
  readonly tokens: TokenArray;
  /** Size of the text in UTF-8, without a byte order mark. */
  readonly bytes: number;
  /** Checksum of the text's UTF-8 bytes, 16 hex digits. It does not depend on the tokenizer. */
  readonly checksum: string;
  readonly reading: TextReading;
}

/** Facts about how a text was tokenized, for warnings and saved runs. */
export interface TextReading {
  /** Occurrences of `<|endoftext|>` in the text. */
  readonly endMarks: number;
  /** Bytes of words that were left out of learning pairs, because the table of words was full. */
  readonly unlearned: number;
  /** Checksum of byte-pair tokens; null for other tokenizers, whose tokens follow from the text's `checksum`. */
  readonly tokens: string | null;
  /** Whether versions that did not save `tokens` may have tokenized this text differently. */
  readonly readingChanged: boolean;
}

/** `size` is in bytes; null when it is not known. */
export type TokenizeProgress =
  | { readonly stage: 'reading' | 'tokenizing'; readonly bytes: number; readonly size: number | null }
  | ({ readonly stage: 'learning' } & Learning);

export interface TokenizeOptions {
  /** Called for every chunk, and every few milliseconds while pairs are learned. */
  readonly onProgress?: (progress: TokenizeProgress) => void;
  /** Called after the first pass, before the tokenizer is fitted. An error that it throws ends the work. */
  readonly onFingerprint?: (checksum: string) => void;
  /**
   * Aborts the work with the signal's reason. The event loop runs other tasks every 64 KiB, and every 8,192 positions
   * while pairs are learned.
   */
  readonly signal?: AbortSignal;
}

/** Bytes that are processed at a time, so that working memory stays small whatever the size of the chunks. */
const PIECE_BYTES = 64 * 1024;

/**
 * Tokenizes a streamed text. Memory: the tokens (twice for byte-pair tokenizers), a few megabytes of tables, a bounded
 * amount for learning pairs, and what the stream itself holds.
 * @param kind the kind of tokenizer to make for this text, or an existing tokenizer
 * @throws EngineError BAD_TEXT when the text is empty, too large, binary, not UTF-8, or changed between the passes;
 * TOKENIZER_UNAVAILABLE
 */
export async function tokenize(
  stream: TextStream,
  kind: TokenizerChoice | TokenizerJson,
  { onProgress, onFingerprint, signal }: TokenizeOptions = {},
): Promise<TokenizedText> {
  const { name, size } = stream;
  if (size === 0) throw emptyText(name);
  checkTextSize(name, size ?? 0);
  const given = typeof kind === 'object' ? kind : gpt2Json(kind);
  if (given) await loadTokenizer(given);
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
  const write = async (surveyed: SurveyedText, span: Span): Promise<Written> => {
    const writer = tokenWriter(surveyed, span);
    try {
      await readAll('tokenizing', (piece) => writer.take(piece));
      return writer.end();
    } catch (cause) {
      if (!(cause instanceof SpanTooShort)) throw cause;
      return write(surveyed, wider(span));
    }
  };
  try {
    const survey = new Survey(name, kind);
    await readAll('reading', (piece) => survey.take(piece));
    const fingerprint = survey.end();
    onFingerprint?.(fingerprint);
    const fitting = survey.fit();
    let step = fitting.next();
    for (; !step.done; step = fitting.next()) {
      onProgress?.({ stage: 'learning', ...step.value });
      await turns.next();
    }
    return result(step.value, await write(step.value, FIRST_SPAN));
  } finally {
    turns.close();
  }
}

/** Tokenizes a text in memory, synchronously. @throws RangeError for GPT-2's tokenizer before `loadGpt2` */
export function tokenizeString(
  text: string,
  name: string,
  kind: TokenizerChoice | TokenizerJson,
): TokenizedText {
  const bytes = new TextEncoder().encode(text);
  const survey = new Survey(name, kind);
  for (const piece of piecesOf(bytes)) survey.take(piece);
  survey.end();
  const fitting = survey.fit();
  let step = fitting.next();
  while (!step.done) step = fitting.next();
  const surveyed = step.value;
  const written = withSpan((span) => {
    const writer = tokenWriter(surveyed, span);
    for (const piece of piecesOf(bytes)) writer.take(piece);
    return writer.end();
  });
  return result(surveyed, written);
}

/** Wraps a text in memory as a stream. */
export function streamOf(name: string, bytes: Uint8Array): TextStream {
  return {
    name,
    size: bytes.length,
    async *open() {
      yield bytes;
    },
  };
}

/**
 * Characters at which earlier versions cut words. For GPT-2 the limit was 2^16 code units, which are at least 2^15
 * characters.
 */
const FORMER_WORD_LIMITS = { bpe: 64, gpt2: 2 ** 15 };

function result(surveyed: SurveyedText, { tokens, checksum, longestWord }: Written): TokenizedText {
  const { name, tokenizer, bytes, endMarks, unlearned, hasOddSpace } = surveyed;
  const { kind } = tokenizer;
  const inPieces = kind === 'bpe' || kind === 'gpt2';
  const readingChanged = inPieces && (hasOddSpace || longestWord > FORMER_WORD_LIMITS[kind]);
  const reading = { endMarks, unlearned, tokens: checksum, readingChanged };
  return { name, tokenizer, tokens, bytes, checksum: surveyed.checksum, reading };
}

function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
}
