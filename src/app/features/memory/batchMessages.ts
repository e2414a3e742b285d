/** Sentences about the result of a search for the largest batch. */
import { rowOf } from '../../../engine/index.ts';
import type { BatchSearch } from '../../../store/measurementStore.ts';
import { formatCount } from '../../format.ts';
import { titlesOf } from '../settings/settingWords.ts';

const LIMIT_WORDS: Readonly<Record<BatchSearch['found']['limitedBy'], string>> = {
  budget: 'the budget allows no more',
  binding: "this adapter's largest buffer allows no more",
  range: 'this is the largest batch allowed',
};

/** "Recompute (GELU) would allow 24." Empty when recomputing more would not help. */
function deeperWords({ deeper }: BatchSearch): string {
  if (!deeper) return '';
  return ` ${rowOf('recompute').label} (${titlesOf('recompute')[deeper.recompute]}) would allow ${formatCount(deeper.batch)}.`;
}

/** The line below a batch. */
export function batchOutcome(search: BatchSearch): string {
  const { found, step } = search;
  const limit = LIMIT_WORDS[found.limitedBy];
  switch (step.state) {
    case 'needless':
      return `Not even one sequence fits: ${limit}.${deeperWords(search)}`;
    case 'waiting':
      return 'Waiting for its step.';
    case 'trying':
      return `Taking a step with batch ${formatCount(step.batch)}…`;
    case 'cancelled':
      return `Planned but not confirmed, because it was cancelled before its step; ${limit}.`;
    case 'refused':
      return `${step.error.message} ${step.error.hint}`;
    case 'confirmed': {
      const { batch, refused } = step.result;
      if (!refused) return `Confirmed by a step; ${limit}.${deeperWords(search)}`;
      const reached = batch > 0 ? `: reached ${formatCount(batch)}` : ' even with one sequence';
      return `The plan allows ${formatCount(found.batch)}, but the GPU ran out of memory${reached}. ${refused.message}`;
    }
  }
}
