/** The token with which a text begins when no prompt is given. */
import type { Dataset } from '../data/dataset.ts';
import { GPT2_END_ID } from '../data/gpt2.ts';
import { endsText, type Tokenizer } from '../data/tokenizer.ts';

const LINE_BREAKS = ['\n', '\r'];
/** Number of tokens that are searched for a line break. A text with lines has one among them. */
const SEARCHED = 2 ** 20;

/**
 * Returns the token that an empty prompt starts with: the one that the tokenizer puts before every text, else `<|endoftext|>` if the training text has it, else a line break if
 * it is a single token of the text, else the first token of the text. A token that is not in the text was never trained.
 */
export function startToken({
  tokenizer,
  train,
  reading,
}: Pick<Dataset, 'tokenizer' | 'train' | 'reading'>): number {
  if (tokenizer.start.length > 0) return tokenizer.start[0]!;
  if (endsText(tokenizer.json) && reading.endMarks > 0) return GPT2_END_ID;
  const searched = train.subarray(0, SEARCHED);
  return lineBreakOf(tokenizer, (token) => searched.includes(token)) ?? train[0]!;
}

/** Returns the token with which a text of a model begins whose training text is not at hand: as {@link startToken}, or token 0. */
export function firstTokenOf(tokenizer: Tokenizer): number {
  if (tokenizer.start.length > 0) return tokenizer.start[0]!;
  if (tokenizer.bos !== null) return tokenizer.bos;
  if (tokenizer.end !== null) return tokenizer.end;
  return lineBreakOf(tokenizer, () => true) ?? 0;
}

/** The first line break that is one token and accepted; null if there is none. */
function lineBreakOf(tokenizer: Tokenizer, accepts: (token: number) => boolean): number | null {
  const known = tokenizer.json.kind === 'char' ? new Set(tokenizer.json.characters) : null;
  for (const lineBreak of LINE_BREAKS) {
    if (known && !known.has(lineBreak)) continue;
    const ids = tokenizer.encode(lineBreak);
    if (ids.length === 1 && accepts(ids[0]!)) return ids[0]!;
  }
  return null;
}
