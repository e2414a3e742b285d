/** How the quantised copies of operands are rounded, and what they are called. */
import { streamOf } from '../core/rng.ts';
import type { QuantizeBlocksArgs } from '../kernels/quantizeBlocks.ts';
import { blockRounding, type Storage, type SumsAlong } from '../precision/storage.ts';
import type { ModelRun } from './modelRun.ts';

/** Of copies with block scales. */
export type CopyRounding = Pick<QuantizeBlocksArgs, 'random' | 'rounding'>;

/** Name of the second copy of an operand, whose sums run along tokens. */
export function secondCopy(name: string): string {
  return `${name} for dW`;
}

/** @param name of the copy, which decides the random bits where it is rounded stochastically */
export function copyRounding(
  {
    run,
    windows: windowCount,
  }: { readonly run: Pick<ModelRun, 'windowTable' | 'gpt'>; readonly windows: number },
  name: string,
  storage: Storage,
  along: SumsAlong = 'rows',
): CopyRounding {
  const rounding = blockRounding(storage, along);
  const { windowTable: windows, gpt } = run;
  if (!rounding.stochastic || !windows) return { rounding };
  return { rounding, random: { windows, windowCount, context: gpt.context, stream: streamOf(name) } };
}
