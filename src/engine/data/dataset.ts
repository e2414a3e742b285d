/** A tokenized text, split for training and validation. */
import { EngineError } from '../core/errors.ts';
import type { TokenArray } from './batches.ts';
import { type TokenizedText, tokenizeString } from './tokenize.ts';
import type { TokenizerChoice, TokenizerJson } from './tokenizer.ts';

export interface Dataset extends Omit<TokenizedText, 'tokens'> {
  /** The first 90 % of the tokens. */
  readonly train: TokenArray;
  /** The last 10 % of the tokens. */
  readonly validation: TokenArray;
}

export interface DatasetOptions {
  readonly name: string;
  /** The tokenizer that a configuration asks for, or the one that a saved run or a model file already has. */
  readonly tokenizer: TokenizerChoice | TokenizerJson;
  /** T: both splits must hold at least one window of T tokens and its targets. */
  readonly context: number;
}

/**
 * Splits a text's tokens into two views; nothing is copied.
 * @throws EngineError TEXT_TOO_SHORT when a split has fewer than T + 1 tokens
 */
export function splitText({ tokens, ...text }: TokenizedText, context: number): Dataset {
  const trainTokens = Math.floor((tokens.length * 9) / 10);
  const train = tokens.subarray(0, trainTokens);
  const validation = tokens.subarray(trainTokens);
  checkLength(text.name, tokens.length, validation.length, context);
  return { ...text, train, validation };
}

/**
 * Checksum of the tokens when earlier versions may have tokenized the text differently; undefined when all versions
 * give the same tokens.
 */
export function changedTokens({ reading }: Pick<Dataset, 'reading'>): string | undefined {
  return reading.readingChanged ? (reading.tokens ?? undefined) : undefined;
}

/**
 * Tokenizes and splits a text in memory. It blocks until it is done; use `tokenize` for texts of many MB.
 * @throws EngineError BAD_TEXT when the text is empty or too large
 * @throws EngineError TEXT_TOO_SHORT when a split has fewer than T + 1 tokens
 */
export function createDataset(text: string, { name, tokenizer, context }: DatasetOptions): Dataset {
  return splitText(tokenizeString(text, name, tokenizer), context);
}

/** Checks only the validation split, which is the shorter one whenever it is long enough for a context of one token. */
function checkLength(name: string, total: number, validation: number, context: number): void {
  if (validation >= context + 1) return;
  const shorter = validation > 1 ? `Use a context of at most ${validation - 1}, or a` : 'Use a';
  throw new EngineError(
    'TEXT_TOO_SHORT',
    `Context ${context} needs ${context + 1} tokens, but the validation split (the last 10 %) of "${name}" has ${validation} of the text's ${total}.`,
    `${shorter} text of at least ${10 * context + 1} tokens.`,
  );
}
