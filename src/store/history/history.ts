/** The ended runs: those of this page and, once loaded, those of earlier visits and other tabs. */
import * as v from 'valibot';
import { type Changeable, reportHistoryProblem, type UnreadableRun, useHistory } from './historyStore.ts';
import { describeIssue, type RunRecord, runRecord } from './record.ts';
import type { Stored } from './storage.ts';
import { forgetUnsaved, inOrder, save, stored, without, writeWaiting } from './writing.ts';

/** Ids whose removal was requested and is not yet written. */
const removing = new Set<string>();

/** Loads the stored runs, and again when another tab has changed them. Runs that exist only in this tab stay. */
export function loadHistory(): Promise<void> {
  return inOrder(async (source) => {
    const { runs, unreadable } = sortOut(await source.all());
    useHistory.setState((state) => {
      const own = state.runs.filter(({ id }) => state.unsaved.has(id));
      const known = new Set([...own.map(({ id }) => id), ...removing]);
      const others = runs.filter(({ id }) => !known.has(id));
      return {
        runs: newestFirst([...own, ...others.map((run) => ({ ...run, ...state.changes.get(run.id) }))]),
        unreadable: unreadable.filter(({ id }) => !known.has(id)),
      };
    });
  }).then(() => useHistory.setState({ loaded: true }));
}

const RELOAD_DELAY_MS = 200;
let reloading = false;

/**
 * Reloads after a change by another tab, but only once this tab shows the history. Several changes cause one reload.
 */
export function historyChangedElsewhere(): void {
  if (!useHistory.getState().loaded || reloading) return;
  reloading = true;
  setTimeout(() => {
    reloading = false;
    void loadHistory();
  }, RELOAD_DELAY_MS);
}

function runById(id: string): RunRecord | undefined {
  return useHistory.getState().runs.find((run) => run.id === id);
}

export function addRuns(runs: readonly RunRecord[]): Promise<void> {
  useHistory.setState((state) => ({ runs: newestFirst([...runs, ...state.runs]) }));
  return save(runs.map(stored));
}

/** Adds the runs that are not there yet, all or none. @returns how many were added */
export async function importRuns(runs: readonly RunRecord[]): Promise<number> {
  await loadHistory(); // otherwise a run of an earlier visit would count as new
  const known = new Set(useHistory.getState().runs.map(({ id }) => id));
  const fresh = [...new Map(runs.map((run) => [run.id, run])).values()].filter(({ id }) => !known.has(id));
  if (fresh.length > 0) await addRuns(fresh);
  return fresh.length;
}

/**
 * Changes fields of a run. Only the changed fields are written, since another tab may have changed the others or
 * removed the run.
 */
export function changeRun(id: string, change: Changeable): Promise<void> {
  if (!runById(id)) return Promise.resolve();
  useHistory.setState((state) => ({
    runs: state.runs.map((run) => (run.id === id ? { ...run, ...change } : run)),
    changes: new Map(state.changes).set(id, { ...state.changes.get(id), ...change }),
  }));
  return inOrder(writeWaiting);
}

/** Removes runs, readable or not. They can be restored until others are removed or the page is closed. */
export function removeRuns(ids: readonly string[]): Promise<void> {
  const gone = new Set(ids);
  const { runs, unreadable, changes } = useHistory.getState();
  useHistory.setState({
    runs: runs.filter(({ id }) => !gone.has(id)),
    unreadable: unreadable.filter(({ id }) => !gone.has(id)),
    removed: [
      ...runs.filter(({ id }) => gone.has(id)).map(stored),
      ...unreadable.filter(({ id }) => gone.has(id)).map(({ id, value }) => ({ id, value })),
    ],
    changes: without(changes, gone),
  });
  for (const id of ids) removing.add(id);
  return inOrder(async (target) => {
    try {
      await target.remove(ids);
    } finally {
      for (const id of ids) removing.delete(id);
    }
    forgetUnsaved(ids);
    await writeWaiting(target); // the removal may have made room
  });
}

export function undoRemove(): Promise<void> {
  const back = useHistory.getState().removed;
  const { runs, unreadable } = sortOut(back);
  useHistory.setState((state) => ({
    removed: [],
    runs: newestFirst([...runs, ...state.runs]),
    unreadable: [...unreadable, ...state.unreadable],
  }));
  return save(back);
}

export function forgetRemoved(): void {
  useHistory.setState({ removed: [] });
}

/** Reports a run that cannot be recorded. That is a bug, but no reason to interrupt the training. */
export function reportUnrecorded(why: string): void {
  reportHistoryProblem({
    message: `A run could not be stored: ${why}.`,
    hint: 'It is still on the Train screen, until the next training starts.',
  });
}

function sortOut(entries: readonly Stored[]): { runs: RunRecord[]; unreadable: UnreadableRun[] } {
  const runs: RunRecord[] = [];
  const unreadable: UnreadableRun[] = [];
  for (const { id, value } of entries) {
    const parsed = v.safeParse(runRecord, value, { abortEarly: true });
    if (parsed.success) runs.push(parsed.output);
    else unreadable.push({ id, value, why: describeIssue(parsed.issues[0]) });
  }
  return { runs: newestFirst(runs), unreadable };
}

function newestFirst(runs: readonly RunRecord[]): RunRecord[] {
  return [...runs].sort((a, b) => b.time - a.time);
}
