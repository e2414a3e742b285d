import type { Tokenizer } from '../data/tokenizer.ts';
import { uniformAt } from '../rng.ts';
import type { Trainer } from './trainer.ts';

export interface SampleOptions {
  /** Text to continue; empty starts from a line break, or from the first character of a text that has none. */
  readonly prompt: string;
  /** Tokens to generate. */
  readonly length: number;
  /** 0 always takes the most likely token. */
  readonly temperature: number;
  /** Only the k most likely tokens are drawn from; 0 for all. */
  readonly topK: number;
  readonly seed: number;
}

/**
 * Continues `prompt`, one forward pass and one sync a token. Returns only the generated text.
 * @throws EngineError BAD_TEXT for a character that the text does not have
 */
export async function sampleText(trainer: Trainer, options: SampleOptions): Promise<string> {
  const { tokenizer } = trainer.dataset;
  const tokens = options.prompt === '' ? [firstToken(tokenizer)] : [...tokenizer.encode(options.prompt)];
  const start = tokens.length;
  for (let i = 0; i < options.length; i++) {
    const logits = await trainer.nextTokenLogits(tokens);
    tokens.push(drawToken(logits, options.temperature, options.topK, uniformAt(i, options.seed)));
  }
  return tokenizer.decode(tokens.slice(start));
}

/** Character vocabularies are in code point order, so a line break is token 0 wherever there is one. */
function firstToken(tokenizer: Tokenizer): number {
  return tokenizer.kind === 'byte' ? 0x0a : 0;
}

/**
 * Token drawn from softmax(logits / temperature) over the top k.
 * @param uniform random number in [0, 1)
 */
export function drawToken(logits: Float32Array, temperature: number, topK: number, uniform: number): number {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  if (temperature === 0) return order[0]!;
  const kept = topK > 0 ? order.slice(0, topK) : order;
  const highest = logits[kept[0]!]!;
  const weights = kept.map((token) => Math.exp((logits[token]! - highest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let remaining = uniform * total;
  for (const [i, weight] of weights.entries()) {
    remaining -= weight;
    if (remaining < 0) return kept[i]!;
  }
  return kept.at(-1)!;
}
