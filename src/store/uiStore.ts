import { create } from 'zustand';
import { recall, remember } from './preferences.ts';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

interface UiState {
  readonly theme: Theme;
  /** Single-key shortcuts can be turned off (WCAG 2.1.4): they collide with speech input and some assistive tools. */
  readonly shortcuts: boolean;
  readonly still: boolean;
  /** The preset was lowered because the adapter is software. */
  readonly presetAdapted: boolean;
  setTheme(theme: Theme): void;
  setShortcuts(shortcuts: boolean): void;
}

export const useUi = create<UiState>()((set) => ({
  theme: THEMES.find((theme) => theme === recall('theme')) ?? 'system',
  shortcuts: recall('shortcuts') !== 'off',
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
