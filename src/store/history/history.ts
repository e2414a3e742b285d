/** The runs that have ended: of this page, and once asked for, of earlier visits and other tabs. */
import * as v from 'valibot';
import { create } from 'zustand';
import type { Problem } from '../settings.ts';
import { describeIssue, type RunRecord, runRecord } from './record.ts';
import { type RunStorage, type Stored, storageProblem } from './storage.ts';

/** In the database, but not as this version of the page can read it. Kept as it is. */
export interface UnreadableRun extends Stored {
  readonly why: string;
}

interface HistoryState {
  /** Whether the runs of earlier visits are among `runs`. */
  readonly loaded: boolean;
  /** Newest first. */
  readonly runs: readonly RunRecord[];
  readonly unreadable: readonly UnreadableRun[];
  /** Ids of runs that are in this tab only. */
  readonly unsaved: ReadonlySet<string>;
  /** Why there are such runs. */
  readonly problem: Problem | null;
  /** What was deleted last and can be brought back. */
  readonly removed: readonly Stored[];
}

export const useHistory = create<HistoryState>()(() => ({
  loaded: false,
  runs: [],
  unreadable: [],
  unsaved: new Set(),
  problem: null,
  removed: [],
}));

let storage: RunStorage = { all: async () => [], put: async () => {}, remove: async () => {} };
/** Reads and writes happen one after the other, in the order in which they were asked for. */
let working: Promise<void> = Promise.resolve();

/** Called once, before anything else here: without it, nothing outlasts the page. */
export function keepRunsIn(where: RunStorage): void {
  storage = where;
}

/** Ids whose removal has been asked for and not yet written. */
const leaving = new Set<string>();

/** Reads what is stored; again when another tab has changed it. Runs that are in this tab only stay. */
export function loadHistory(): Promise<void> {
  return inOrder(async (source) => {
    const { runs, unreadable } = sortOut(await source.all());
    useHistory.setState((state) => {
      const own = state.runs.filter(({ id }) => state.unsaved.has(id));
      const known = new Set([...own.map(({ id }) => id), ...leaving]);
      return {
        runs: newestFirst([...own, ...runs.filter(({ id }) => !known.has(id))]),
        unreadable: unreadable.filter(({ id }) => !known.has(id)),
      };
    });
  }).then(() => useHistory.setState({ loaded: true }));
}

const RELOAD_DELAY_MS = 200;
let reloading = false;

/** What another tab did concerns this one only once it shows the history. It may do a lot at once. */
export function historyChangedElsewhere(): void {
  if (!useHistory.getState().loaded || reloading) return;
  reloading = true;
  setTimeout(() => {
    reloading = false;
    void loadHistory();
  }, RELOAD_DELAY_MS);
}

export function runById(id: string): RunRecord | undefined {
  return useHistory.getState().runs.find((run) => run.id === id);
}

export function addRuns(runs: readonly RunRecord[]): Promise<void> {
  useHistory.setState((state) => ({ runs: newestFirst([...runs, ...state.runs]) }));
  return save(runs.map(stored));
}

/** Adds those that are not there yet, all or none; how many they were. */
export async function importRuns(runs: readonly RunRecord[]): Promise<number> {
  await loadHistory(); // else a run of an earlier visit would be taken for a new one
  const known = new Set(useHistory.getState().runs.map(({ id }) => id));
  const fresh = [...new Map(runs.map((run) => [run.id, run])).values()].filter(({ id }) => !known.has(id));
  if (fresh.length > 0) await addRuns(fresh);
  return fresh.length;
}

type Changeable = Partial<Pick<RunRecord, 'name' | 'note' | 'starred' | 'samples'>>;

export function changeRun(id: string, change: Changeable): Promise<void> {
  const run = runById(id);
  if (!run) return Promise.resolve();
  const changed = { ...run, ...change };
  useHistory.setState((state) => ({ runs: state.runs.map((other) => (other === run ? changed : other)) }));
  return save([stored(changed)]);
}

/** Removes runs, readable or not. They can be brought back until others are removed or the page is closed. */
export function removeRuns(ids: readonly string[]): Promise<void> {
  const gone = new Set(ids);
  const { runs, unreadable } = useHistory.getState();
  useHistory.setState({
    runs: runs.filter(({ id }) => !gone.has(id)),
    unreadable: unreadable.filter(({ id }) => !gone.has(id)),
    removed: [
      ...runs.filter(({ id }) => gone.has(id)).map(stored),
      ...unreadable.filter(({ id }) => gone.has(id)).map(({ id, value }) => ({ id, value })),
    ],
  });
  for (const id of ids) leaving.add(id);
  return inOrder(async (target) => {
    try {
      await target.remove(ids);
    } finally {
      for (const id of ids) leaving.delete(id);
    }
    forgetUnsaved(ids);
    await putUnsaved(target); // there may be room for them now
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

export function tellHistoryProblem(problem: Problem): void {
  useHistory.setState({ problem });
}

/** A run that cannot be made into a record is a defect, and no reason to disturb the training. */
export function reportUnkept(why: string): void {
  useHistory.setState({
    problem: {
      message: `A run could not be kept: ${why}.`,
      hint: 'It is still on the Train screen, until the next training starts.',
    },
  });
}

function save(entries: readonly Stored[]): Promise<void> {
  const ids = entries.map(({ id }) => id);
  useHistory.setState((state) => ({ unsaved: new Set([...state.unsaved, ...ids]) }));
  return inOrder(putUnsaved);
}

/** Writes everything that is in this tab only. */
async function putUnsaved(target: RunStorage): Promise<void> {
  const { runs, unreadable, unsaved } = useHistory.getState();
  const entries = [...runs.map(stored), ...unreadable.map(({ id, value }) => ({ id, value }))];
  const waiting = entries.filter(({ id }) => unsaved.has(id));
  const put = async (some: readonly Stored[]) => {
    if (some.length > 0) await target.put(some);
    // A run that was changed while it was written is another object, and still to be written.
    const current = new Map(useHistory.getState().runs.map((run) => [run.id, run as unknown]));
    const written = some.filter(({ id, value }) => !current.has(id) || current.get(id) === value);
    forgetUnsaved(written.map(({ id }) => id));
  };
  try {
    await put(waiting);
  } catch (cause) {
    if (waiting.length < 2) throw cause;
    // Together they are too much; some of them may still fit.
    const attempts = await Promise.allSettled(waiting.map((entry) => put([entry])));
    const failed = attempts.find((attempt) => attempt.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

function forgetUnsaved(ids: readonly string[]): void {
  const written = new Set(ids);
  useHistory.setState((state) => {
    const unsaved = new Set([...state.unsaved].filter((id) => !written.has(id)));
    return { unsaved, problem: unsaved.size === 0 ? null : state.problem };
  });
}

/** Never rejects: a storage that fails is told as a problem, and what was to be written stays in the tab. */
function inOrder(work: (target: RunStorage) => Promise<void>): Promise<void> {
  working = working.then(async () => {
    try {
      await work(storage);
    } catch (cause) {
      useHistory.setState({ problem: storageProblem(cause) });
    }
  });
  return working;
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

function stored(run: RunRecord): Stored {
  return { id: run.id, value: run };
}

function newestFirst(runs: readonly RunRecord[]): RunRecord[] {
  return [...runs].sort((a, b) => b.time - a.time);
}
