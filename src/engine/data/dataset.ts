/** A text turned into tokens and split for training and validation. */
import { EngineError } from '../errors.ts';
import { checksum } from './checksum.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';
import { checkTextSize } from './utf8.ts';

export interface Dataset {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  /** The first 90 % of the tokens. */
  readonly train: Uint32Array;
  /** The last 10 % of the tokens. */
  readonly validation: Uint32Array;
  /** Size of the text in UTF-8. */
  readonly bytes: number;
  /** Fingerprint of the text's UTF-8 bytes, 16 hex digits: equal for equal texts, whatever the tokenizer. */
  readonly checksum: string;
}

export interface DatasetOptions {
  readonly name: string;
  readonly tokenizer: Tokenizer['kind'];
  /** T: both splits must hold at least one window of T tokens and its targets. */
  readonly context: number;
}

/**
 * @throws EngineError BAD_TEXT when the text is empty or too large
 * @throws EngineError TEXT_TOO_SHORT when a split has fewer than T + 1 tokens
 */
export function createDataset(text: string, { name, tokenizer: kind, context }: DatasetOptions): Dataset {
  const utf8 = new TextEncoder().encode(text);
  checkTextSize(utf8.length);
  const tokenizer = createTokenizer(kind, text);
  const tokens = tokenizer.encode(text);
  const trainTokens = Math.floor((tokens.length * 9) / 10);
  const train = tokens.subarray(0, trainTokens);
  const validation = tokens.subarray(trainTokens);
  checkLength(name, tokens.length, validation.length, context);
  return { name, tokenizer, train, validation, bytes: utf8.length, checksum: checksum(utf8) };
}

/** The validation split is the shorter one for every text that a context of one token or more accepts. */
function checkLength(name: string, total: number, validation: number, context: number): void {
  if (validation >= context + 1) return;
  const shorter = validation > 1 ? `Use a context of at most ${validation - 1}, or a` : 'Use a';
  throw new EngineError(
    'TEXT_TOO_SHORT',
    `Context ${context} needs ${context + 1} tokens, but the validation split (the last 10 %) of "${name}" has ${validation} of the text's ${total}.`,
    `${shorter} text of at least ${10 * context + 1} tokens.`,
  );
}
