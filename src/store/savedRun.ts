import { create } from 'zustand';
import type { ErrorReport, SavedRun, SessionEvent, StoredRun, UnreadableRun } from '../session/protocol.ts';
import { type Place, placeForNext, placesTaken, placeToContinue } from '../session/storage/places.ts';

export const AUTOSAVE_SECONDS = 60;

interface Continued {
  readonly run: SavedRun;
  /** Null for a run in a file. */
  readonly place: Place | null;
}

interface SavedRunState {
  /** The runs in the page's private storage. */
  readonly stored: readonly StoredRun[];
  /** The runs in it that this version of the page cannot read. */
  readonly unreadable: readonly UnreadableRun[];
  /** What the shown run continues; null for a new one. */
  readonly continued: Continued | null;
  /** Seconds between saves of the run that is trained; 0 for none. */
  readonly every: number;
  /** The newest save of the run that is trained. */
  readonly newest: Extract<SessionEvent, { type: 'autosaved' }> | null;
  /** Why the run that is trained is not saved. */
  readonly error: ErrorReport | null;
  /** Why a stored run could not be removed. */
  readonly notRemoved: ErrorReport | null;
}

/** The runs in the page's private storage, as the worker reported them. */
export const useSavedRun = create<SavedRunState>()(() => ({
  stored: [],
  unreadable: [],
  continued: null,
  every: AUTOSAVE_SECONDS,
  newest: null,
  error: null,
  notRemoved: null,
}));

export function applySaveEvent(
  event: Extract<SessionEvent, { type: 'savedRuns' | 'forgetRefused' | 'autosaved' | 'autosaveFailed' }>,
): void {
  if (event.type === 'savedRuns') {
    useSavedRun.setState({ stored: event.stored, unreadable: event.unreadable, notRemoved: null });
  } else if (event.type === 'forgetRefused') {
    useSavedRun.setState({ notRemoved: event.error });
  } else if (event.type === 'autosaved') {
    useSavedRun.setState({ newest: event, error: null });
  } else {
    useSavedRun.setState({ error: event.error });
  }
}

/**
 * The stored runs to offer, newest first: all but the one that is shown and has its model on the GPU.
 * @param onGpu whether the shown run is training or its model is on the GPU; after a lost GPU only the stored run is
 * left
 */
export function otherStoredRuns({ stored, newest, continued }: SavedRunState, onGpu: boolean): StoredRun[] {
  const shown = newest ? newest.place : continued?.place;
  return stored.filter(({ place }) => place !== shown || !onGpu).toSorted((a, b) => b.savedAt - a.savedAt);
}

/** Whether the run that is trained is saved up to now: its newest save succeeded. */
export function isKept({ newest, error }: Pick<SavedRunState, 'newest' | 'error'>): boolean {
  return newest !== null && error === null;
}

type Stored = Pick<SavedRunState, 'stored' | 'unreadable'>;

/** The stored run that the next saved run replaces; null when there is a free place, or when none may be replaced. */
export function nextReplaced(state: Stored): StoredRun | null {
  const place = placeForNext(placesTaken(state));
  return state.stored.find((run) => run.place === place) ?? null;
}

/** The stored run that is replaced when the run of `from` continues: itself, another, or null for none. */
export function replacedBy(state: Stored, from: Place): StoredRun | null {
  const place = placeToContinue(placesTaken(state), from);
  return state.stored.find((run) => run.place === place) ?? null;
}

/** What decides whether a run is saved. */
export type Saving = Stored & Pick<SavedRunState, 'every'>;

/** Whether so many runs would be saved if they started now: only a single run is, and only if it replaces no unfinished run. */
export function isSaved(saving: Saving, runs: number): boolean {
  return runs === 1 && saving.every > 0 && placeForNext(placesTaken(saving)) !== null;
}

/** The shown run is now one that continues a saved run. @param place of the saved run; null for one in a file */
export function runContinues(run: SavedRun, place: Place | null): void {
  useSavedRun.setState({ continued: { run, place }, newest: null, error: null });
}

/** Called before runs start. @returns milliseconds between saves; undefined for none */
export function autosaveMs(runs: number): number | undefined {
  useSavedRun.setState({ continued: null, newest: null, error: null });
  const saving = useSavedRun.getState();
  return isSaved(saving, runs) ? saving.every * 1000 : undefined;
}
