/** A chunk of its own: nothing is to be kept before the first run has ended. */
import { historyChangedElsewhere, tellHistoryProblem } from './history.ts';
import { recordRuns } from './recorder.ts';
import { browserStorage } from './storage.ts';
import { keepRunsIn } from './writing.ts';

let keeping = false;

/** From now on runs are kept in the browser's database, the one that may train already among them. Later calls do nothing. */
export function keepRuns(): void {
  if (keeping) return;
  keeping = true;
  keepRunsIn(browserStorage({ changed: historyChangedElsewhere, closed: tellHistoryProblem }));
  recordRuns();
}
