import { create } from 'zustand';
import type { ErrorReport, SessionEvent, StoredRun, UnreadableRun } from '../session/protocol.ts';
import { type Place, placeForNext, placesTaken, placeToContinue } from '../session/storage/places.ts';

export const AUTOSAVE_SECONDS = 60;

interface SavedRunState {
  /** What the page's private storage keeps. */
  readonly stored: readonly StoredRun[];
  /** What it keeps although this version of the page cannot read it. */
  readonly unreadable: readonly UnreadableRun[];
  /** The place of the run that is shown, where it came from one or was saved there. */
  readonly shown: Place | null;
  /** Seconds between saves of the run that is trained; 0 for none. */
  readonly every: number;
  /** The newest save of the run that is trained. */
  readonly newest: Extract<SessionEvent, { type: 'autosaved' }> | null;
  /** Why the run that is trained is not saved. */
  readonly error: ErrorReport | null;
}

/** What is kept of runs in the page's private storage, as far as the worker tells. */
export const useSavedRun = create<SavedRunState>()(() => ({
  stored: [],
  unreadable: [],
  shown: null,
  every: AUTOSAVE_SECONDS,
  newest: null,
  error: null,
}));

export function applySaveEvent(
  event: Extract<SessionEvent, { type: 'savedRuns' | 'autosaved' | 'autosaveFailed' }>,
): void {
  if (event.type === 'savedRuns') {
    useSavedRun.setState({ stored: event.stored, unreadable: event.unreadable });
  } else if (event.type === 'autosaved') {
    useSavedRun.setState({ newest: event, shown: event.place, error: null });
  } else {
    useSavedRun.setState({ error: event.error });
  }
}

/**
 * The stored runs to offer, the newest first: all but the one that is shown and has its model on the GPU anyway.
 * @param onGpu whether what is shown is trained, or its model stands on the GPU: a lost GPU leaves only what is stored
 */
export function otherStoredRuns({ stored, shown }: SavedRunState, onGpu: boolean): StoredRun[] {
  return stored.filter(({ place }) => place !== shown || !onGpu).toSorted((a, b) => b.savedAt - a.savedAt);
}

type Kept = Pick<SavedRunState, 'stored' | 'unreadable'>;

/** The run whose place the next one takes that is saved; null where it gets a free place, or none. */
export function nextToGo(state: Kept): StoredRun | null {
  const place = placeForNext(placesTaken(state));
  return state.stored.find((run) => run.place === place) ?? null;
}

/** The stored run that gives way where that of `from` is trained on: itself, another, or null for none. */
export function givesWayTo(state: Kept, from: Place): StoredRun | null {
  const place = placeToContinue(placesTaken(state), from);
  return state.stored.find((run) => run.place === place) ?? null;
}

/** Whether `runs` that start now would be saved: one alone is, as long as no unfinished run has to give way for it. */
export function isSaved(runs: number): boolean {
  const state = useSavedRun.getState();
  return runs === 1 && state.every > 0 && placeForNext(placesTaken(state)) !== null;
}

/** Before `runs` start: milliseconds between saves; undefined for none. */
export function autosaveMs(runs: number): number | undefined {
  useSavedRun.setState({ shown: null, newest: null, error: null });
  return isSaved(runs) ? useSavedRun.getState().every * 1000 : undefined;
}
