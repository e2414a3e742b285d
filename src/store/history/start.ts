/** The history of runs, which no visit needs before its first run has ended: a chunk of its own. */
import { historyChangedElsewhere, tellHistoryProblem } from './history.ts';
import { recordRuns } from './recorder.ts';
import { browserStorage } from './storage.ts';
import { keepRunsIn } from './writing.ts';

let kept = false;

/** From now on every run that ends is kept in the browser. Whoever comes first calls it: the page's start or a screen. */
export function keepHistory(): void {
  if (kept) return;
  kept = true;
  keepRunsIn(browserStorage({ changed: historyChangedElsewhere, closed: tellHistoryProblem }));
  recordRuns();
}
