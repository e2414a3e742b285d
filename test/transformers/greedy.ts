import type { Trainer } from '../../src/engine/index.ts';

/** Continues a prompt with the most likely tokens, each by a whole forward pass. */
export async function greedyIds(
  trainer: Trainer,
  prompt: readonly number[],
  count: number,
): Promise<number[]> {
  const ids = [...prompt];
  while (ids.length < prompt.length + count) {
    const logits = await trainer.nextTokenLogits(ids);
    ids.push(logits.indexOf(logits.reduce((a, b) => Math.max(a, b))));
  }
  return ids.slice(prompt.length);
}
