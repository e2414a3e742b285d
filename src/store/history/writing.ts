/** Writes the history to the storage, one operation after the other. */
import { type Changeable, useHistory } from './historyStore.ts';
import type { RunRecord } from './record.ts';
import { type RunStorage, type Stored, storageProblem } from './storage.ts';

let storage: RunStorage = {
  all: async () => [],
  put: async () => {},
  change: async () => true,
  remove: async () => {},
};
/** Reads and writes run one after the other, in the order of the requests. */
let working: Promise<void> = Promise.resolve();

/** Called once, before anything else here. Without it, nothing outlasts the page. */
export function keepRunsIn(where: RunStorage): void {
  storage = where;
}

/** Writes the given entries and everything else that is not written yet. */
export function save(entries: readonly Stored[]): Promise<void> {
  const ids = entries.map(({ id }) => id);
  useHistory.setState((state) => ({ unsaved: new Set([...state.unsaved, ...ids]) }));
  return inOrder(writeWaiting);
}

/** Writes everything that exists only in this tab: first whole runs, then changes to stored ones. */
export async function writeWaiting(target: RunStorage): Promise<void> {
  const { runs, unreadable, unsaved } = useHistory.getState();
  const entries = [...runs.map(stored), ...unreadable.map(({ id, value }) => ({ id, value }))];
  const waiting = entries.filter(({ id }) => unsaved.has(id));
  const put = async (some: readonly Stored[]) => {
    if (some.length > 0) await target.put(some);
    forgetUnsaved(some.map(({ id }) => id));
  };
  const failures: unknown[] = [];
  // If they do not fit together, some of them may still fit alone.
  await put(waiting).catch(async (cause: unknown) => {
    if (waiting.length < 2) failures.push(cause);
    else failures.push(...(await rejections(waiting.map((entry) => put([entry])))));
  });
  const { changes, unsaved: unwritten } = useHistory.getState();
  const applicable = [...changes].filter(([id]) => !unwritten.has(id));
  failures.push(...(await rejections(applicable.map(([id, change]) => writeChange(target, id, change)))));
  if (failures.length > 0) throw failures[0];
}

async function writeChange(target: RunStorage, id: string, change: Changeable): Promise<void> {
  const stillStored = await target.change(id, change);
  useHistory.setState(({ runs, changes }) => ({
    // A field changed during the write replaced the object, and that one is still to be written.
    changes: changes.get(id) === change ? without(changes, new Set([id])) : changes,
    runs: stillStored ? runs : runs.filter((run) => run.id !== id),
  }));
  forgetSolvedProblem();
}

async function rejections(work: readonly Promise<void>[]): Promise<unknown[]> {
  const ends = await Promise.allSettled(work);
  return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
}

export function forgetUnsaved(ids: readonly string[]): void {
  const written = new Set(ids);
  useHistory.setState(({ unsaved }) => ({ unsaved: new Set([...unsaved].filter((id) => !written.has(id))) }));
  forgetSolvedProblem();
}

function forgetSolvedProblem(): void {
  const { unsaved, changes } = useHistory.getState();
  if (unsaved.size + changes.size === 0) useHistory.setState({ problem: null });
}

export function without<T>(map: ReadonlyMap<string, T>, ids: ReadonlySet<string>): Map<string, T> {
  return new Map([...map].filter(([id]) => !ids.has(id)));
}

/** Never rejects: a storage error is reported as a problem, and the data stays in the tab. */
export function inOrder(work: (target: RunStorage) => Promise<void>): Promise<void> {
  working = working.then(async () => {
    try {
      await work(storage);
    } catch (cause) {
      useHistory.setState({ problem: storageProblem(cause) });
    }
  });
  return working;
}

export function stored(run: RunRecord): Stored {
  return { id: run.id, value: run };
}
