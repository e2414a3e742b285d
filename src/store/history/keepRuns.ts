/** A chunk of its own, because nothing has to be stored before the first run ends. */
import { historyChangedElsewhere } from './history.ts';
import { reportHistoryProblem } from './historyStore.ts';
import { recordRuns } from './recorder.ts';
import { browserStorage } from './storage.ts';
import { keepRunsIn } from './writing.ts';

let keeping = false;

/**
 * Starts storing ended runs in the browser's database, including one that is already training. Later calls do nothing.
 */
export function keepRuns(): void {
  if (keeping) return;
  keeping = true;
  keepRunsIn(browserStorage({ changed: historyChangedElsewhere, closed: reportHistoryProblem }));
  recordRuns();
}
