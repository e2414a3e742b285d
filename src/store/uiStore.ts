import { create } from 'zustand';
import type { PresetName } from '../engine/index.ts';
import { recall, remember } from './preferences.ts';
import { type Screen, screenOf } from './screens.ts';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** Why the page lowered the preset, and from which. */
export type PresetAdapted =
  | { readonly why: 'software'; readonly from: PresetName }
  | { readonly why: 'slow'; readonly from: PresetName; readonly stepMs: number };

interface UiState {
  /** Follows the address, so that the browser's Back button works. */
  readonly screen: Screen;
  readonly theme: Theme;
  /**
   * Whether single-key shortcuts are on. They can be turned off (WCAG 2.1.4), since they collide with speech input and
   * some assistive tools.
   */
  readonly shortcuts: boolean;
  /** Whether the list of shortcuts is open. */
  readonly help: boolean;
  readonly still: boolean;
  /** Set when the page lowered the preset by itself. */
  readonly presetAdapted: PresetAdapted | null;
  setTheme(theme: Theme): void;
  setShortcuts(shortcuts: boolean): void;
}

export const useUi = create<UiState>()((set) => ({
  screen: 'story',
  theme: THEMES.find((theme) => theme === recall('theme')) ?? 'system',
  shortcuts: recall('shortcuts') !== 'off',
  help: false,
  still: false,
  presetAdapted: null,
  setTheme: (theme) => {
    remember('theme', theme);
    set({ theme });
  },
  setShortcuts: (shortcuts) => {
    remember('shortcuts', shortcuts ? 'on' : 'off');
    set({ shortcuts });
  },
}));

/** Opens or closes the list of shortcuts. */
export function showShortcuts(help: boolean): void {
  useUi.setState({ help });
}

/** Shows the screen that the page's address opens. */
export function followAddress(): void {
  useUi.setState({ screen: screenOf(location) });
}

/** The visitor chooses another preset than the one that the page chose. */
export function forgetAdaptation(): void {
  useUi.setState({ presetAdapted: null });
}
