/** Choices that are remembered between visits. localStorage throws where storage is blocked and when it is full. */
import { create } from 'zustand';
import type { Problem } from './settings.ts';

interface PreferencesState {
  /** Why choices are not stored, from the first failure until the visitor dismisses the note. */
  readonly problem: Problem | null;
  readonly reported: boolean;
}

export const usePreferences = create<PreferencesState>()(() => ({ problem: null, reported: false }));

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`halfstep.${key}`);
  } catch {
    return null; // a failure matters only when something is to be stored
  }
}

/** Stores a choice. If that fails, the choice lasts as long as the page, which says so once. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`halfstep.${key}`, value);
  } catch (cause) {
    if (!usePreferences.getState().reported)
      usePreferences.setState({ problem: notStored(cause), reported: true });
  }
}

export function dismissStorageProblem(): void {
  usePreferences.setState({ problem: null });
}

function notStored(cause: unknown): Problem {
  const full = cause instanceof DOMException && cause.name === 'QuotaExceededError';
  const why = full
    ? "the browser's storage for this page is full"
    : 'this browser does not let the page store anything';
  return {
    message: `Your choices of theme, shortcuts, charts and numerics are not stored: ${why}.`,
    hint: 'They last until you close the page.',
  };
}
