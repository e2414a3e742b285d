import { create } from 'zustand';
import type { ErrorReport, SavedRun, SessionEvent } from '../session/protocol.ts';

export const AUTOSAVE_SECONDS = 60;

interface SavedRunState {
  /** What an earlier visit left unfinished. */
  readonly saved: SavedRun | null;
  /** Seconds between saves of the run that is trained; 0 for none. */
  readonly every: number;
  /** The newest save of the run that is trained. */
  readonly newest: Extract<SessionEvent, { type: 'autosaved' }> | null;
  /** Why the run that is trained is not saved. */
  readonly error: ErrorReport | null;
}

/** What is kept of runs in the page's private storage, as far as the worker tells. */
export const useSavedRun = create<SavedRunState>()(() => ({
  saved: null,
  every: AUTOSAVE_SECONDS,
  newest: null,
  error: null,
}));

export function applySaveEvent(
  event: Extract<SessionEvent, { type: 'savedRun' | 'autosaved' | 'autosaveFailed' }>,
): void {
  if (event.type === 'savedRun') {
    const { saved } = event;
    useSavedRun.setState({ saved: saved && saved.step < saved.config.steps ? saved : null });
  } else if (event.type === 'autosaved') {
    useSavedRun.setState({ newest: event, error: null });
  } else {
    useSavedRun.setState({ error: event.error });
  }
}

/**
 * Whether `runs` that start now would be saved: one alone is. A run that is left to go on with is not overwritten by
 * another one.
 */
export function isSaved(runs: number): boolean {
  const { saved, every } = useSavedRun.getState();
  return runs === 1 && !saved && every > 0;
}

/** Before `runs` start: milliseconds between saves; undefined for none. */
export function autosaveMs(runs: number): number | undefined {
  useSavedRun.setState({ newest: null, error: null });
  return isSaved(runs) ? useSavedRun.getState().every * 1000 : undefined;
}
