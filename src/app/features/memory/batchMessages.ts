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
  const { found, trying, confirmed, error, cancelled } = search;
  const limit = LIMIT_WORDS[found.limitedBy];
  if (found.batch === 0) return `Not even one sequence fits: ${limit}.${deeperWords(search)}`;
  if (error) return `${error.message} ${error.hint}`;
  if (cancelled) return `Planned but not confirmed, because it was cancelled before its step; ${limit}.`;
  if (trying !== null) return `Taking a step with batch ${formatCount(trying)}…`;
  if (!confirmed) return 'Waiting for its step.';
  if (!confirmed.refused) return `Confirmed by a step; ${limit}.${deeperWords(search)}`;
  return confirmed.batch > 0
    ? `The plan allows ${formatCount(found.batch)}, but the GPU ran out of memory: reached ${formatCount(confirmed.batch)}. ${confirmed.refused.message}`
    : `The plan allows ${formatCount(found.batch)}, but the GPU ran out of memory even with one sequence. ${confirmed.refused.message}`;
}
