/** Choices that outlast a visit. localStorage throws where storage is blocked, and when it is full. */
import { create } from 'zustand';
import type { Problem } from './settings.ts';

interface PreferencesState {
  /** Why choices are not kept, from the first that was not until the visitor has read it. */
  readonly problem: Problem | null;
  readonly told: boolean;
}

export const usePreferences = create<PreferencesState>()(() => ({ problem: null, told: false }));

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`halfstep.${key}`);
  } catch {
    return null; // nothing to tell as long as nothing is to be kept
  }
}

/** Where it cannot be kept, the choice lasts as long as the page, which says so once. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`halfstep.${key}`, value);
  } catch (cause) {
    if (!usePreferences.getState().told) usePreferences.setState({ problem: unkept(cause), told: true });
  }
}

function unkept(cause: unknown): Problem {
  const full = cause instanceof DOMException && cause.name === 'QuotaExceededError';
  const why = full
    ? "the browser's storage for this page is full"
    : 'this browser does not let the page keep anything';
  return {
    message: `What you choose for the theme, the keys, the charts and the numerics is not kept: ${why}.`,
    hint: 'It holds until you close the page.',
  };
}
