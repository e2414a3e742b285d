/**
 * GPT-2's byte-pair vocabulary of 50,257 tokens. Its table (OpenAI's r50k_base, from the package gpt-tokenizer, 0.2 MB
 * compressed) is loaded when a text or a file first needs it.
 */
import { EngineError } from '../core/errors.ts';
import { BYTES, PairEncoder, type PairModel } from './pairModel.ts';

export const GPT2_VOCABULARY = 50_257;
/** The token that ends a document. Its name in a text is ordinary text unless the tokenizer has `endOfText`. */
export const GPT2_END = '<|endoftext|>';
export const GPT2_END_ID = GPT2_VOCABULARY - 1;

let model: PairModel | null = null;

/**
 * Loads GPT-2's vocabulary, which must happen before its tokenizer is created. `tokenize` does so itself. Further calls
 * do nothing.
 * @throws EngineError TOKENIZER_UNAVAILABLE
 */
export async function loadGpt2(): Promise<void> {
  if (model) return;
  const { default: tokens } = await import('gpt-tokenizer/bpeRanks/r50k_base').catch((cause: unknown) => {
    throw new EngineError(
      'TOKENIZER_UNAVAILABLE',
      `GPT-2's vocabulary could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Check the connection, and that the whole site is served, or use another tokenizer.',
      { cause },
    );
  });
  model = modelOf(tokens);
}

/** @throws RangeError before {@link loadGpt2} */
export function gpt2Model(): PairModel {
  if (!model) throw new RangeError("GPT-2's vocabulary is not loaded yet");
  return model;
}

/**
 * Recovers the pairs from a list of tokens: encoding a token's bytes with the earlier pairs leaves its two ids.
 * @param tokens in the order of their ids, as text, or as bytes where they are not valid UTF-8
 */
function modelOf(tokens: readonly (string | readonly number[])[]): PairModel {
  const encoder = new TextEncoder();
  const bytesOf = (token: string | readonly number[]): Uint8Array =>
    typeof token === 'string' ? encoder.encode(token) : Uint8Array.from(token);
  const bytes = Uint8Array.from(tokens.slice(0, BYTES), (token) => bytesOf(token)[0]!);
  const known = new PairEncoder({ bytes, pairs: [] });
  const pairs: number[] = [];
  for (const token of tokens.slice(BYTES)) {
    const [first, second] = known.encode(bytesOf(token)) as [number, number];
    known.addPair(first, second);
    pairs.push(first, second);
  }
  return { bytes, pairs, special: [GPT2_END] };
}
