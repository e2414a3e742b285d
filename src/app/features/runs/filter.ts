/** Which runs the table shows. */
import { variantTitle } from '../../../engine/index.ts';
import { modeOfRecord } from '../../../store/history/figures.ts';
import type { RunRecord } from '../../../store/history/record.ts';
import { presetTitle } from './messages.ts';

/** The runs that have every word of the filter in their name, note, mode, preset, text or outcome. */
export function filteredRuns(
  runs: readonly RunRecord[],
  { filter, starredOnly }: { readonly filter: string; readonly starredOnly: boolean },
): readonly RunRecord[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && !starredOnly) return runs;
  return runs.filter((run) => {
    if (starredOnly && !run.starred) return false;
    const mode = modeOfRecord(run);
    const { name, note, preset, outcome, facts } = run;
    const text = [name, note, mode, variantTitle(mode), preset, presetTitle(preset), outcome, facts.text.name]
      .join(' ')
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
