import { uniformAt } from '../rng.ts';
import type { Trainer } from './trainer.ts';

export interface SampleOptions {
  /** Text to continue; empty starts from a line break. Characters the tokenizer does not know are left out. */
  readonly prompt: string;
  /** Tokens to generate. */
  readonly length: number;
  /** 0 always takes the most likely token. */
  readonly temperature: number;
  /** Only the k most likely tokens are drawn from; 0 for all. */
  readonly topK: number;
  readonly seed: number;
}

/** Continues `prompt`, one forward pass and one sync a token. Returns only the generated text. */
export async function sampleText(trainer: Trainer, options: SampleOptions): Promise<string> {
  const { tokenizer } = trainer.dataset;
  const tokens = [...tokenizer.encode(options.prompt === '' ? '\n' : options.prompt)];
  if (tokens.length === 0) tokens.push(0);
  const start = tokens.length;
  for (let i = 0; i < options.length; i++) {
    const logits = await trainer.nextTokenLogits(tokens);
    tokens.push(drawToken(logits, options.temperature, options.topK, uniformAt(i, options.seed)));
  }
  return tokenizer.decode(tokens.slice(start));
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
