import { create } from 'zustand';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

interface UiState {
  readonly theme: Theme;
  /** Single-key shortcuts can be turned off (WCAG 2.1.4): they collide with speech input and some assistive tools. */
  readonly shortcuts: boolean;
  /** The list of keys is open. */
  readonly help: boolean;
  readonly still: boolean;
  /** The preset was lowered because the adapter is software. */
  readonly presetAdapted: boolean;
  setTheme(theme: Theme): void;
  setShortcuts(shortcuts: boolean): void;
}

export const useUi = create<UiState>()((set) => ({
  theme: THEMES.find((theme) => theme === recall('theme')) ?? 'system',
  shortcuts: recall('shortcuts') !== 'off',
  help: false,
  still: false,
  presetAdapted: false,
  setTheme: (theme) => {
    remember('theme', theme);
    set({ theme });
  },
  setShortcuts: (shortcuts) => {
    remember('shortcuts', shortcuts ? 'on' : 'off');
    set({ shortcuts });
  },
}));

/** localStorage throws where storage is blocked, and when it is full. A preference is not worth an error. */
function recall(key: string): string | null {
  try {
    return localStorage.getItem(`halfstep.${key}`);
  } catch {
    return null;
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`halfstep.${key}`, value);
  } catch {
    // The choice then lasts as long as the page.
  }
}
