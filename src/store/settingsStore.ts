import { create } from 'zustand';
import type { ErrorReport, TextFacts, TextProgress } from '../session/protocol.ts';
import { readNumber } from './address.ts';
import { DEFAULT_SETTINGS, type NumberSetting, type Problem, type Settings } from './settings.ts';

/** The visitor's own text. The file itself stays in `ownText.ts`: stores hold plain data. */
export type OwnText =
  | { readonly state: 'none' }
  | {
      readonly state: 'checking';
      readonly id: number;
      readonly name: string;
      /** Null until the worker has something to tell. */
      readonly progress: TextProgress | null;
    }
  | { readonly state: 'ready'; readonly facts: TextFacts }
  | { readonly state: 'refused'; readonly name: string; readonly error: ErrorReport };

interface SettingsState {
  readonly settings: Settings;
  /** What stands in a number's field while it is no number. */
  readonly unread: Partial<Record<NumberSetting, string>>;
  /** The preset was chosen by a person or an address: the page no longer adapts it to the adapter. */
  readonly presetChosen: boolean;
  readonly ownText: OwnText;
  /** What the address asked for and did not get. */
  readonly addressProblems: readonly Problem[];

  choose(change: Partial<Settings>): void;
  typeNumber(key: NumberSetting, text: string): void;
}

export const useSettings = create<SettingsState>()((set) => ({
  settings: DEFAULT_SETTINGS,
  unread: {},
  presetChosen: false,
  ownText: { state: 'none' },
  addressProblems: [],

  choose: (change) =>
    set((state) => ({
      settings: { ...state.settings, ...change },
      presetChosen: state.presetChosen || change.preset !== undefined,
    })),

  typeNumber: (key, text) =>
    set((state) => {
      const empty = text.trim() === '';
      const value = empty ? null : readNumber(text);
      const { [key]: _, ...unread } = state.unread;
      return {
        settings: { ...state.settings, [key]: value },
        unread: value === null && !empty ? { ...unread, [key]: text } : unread,
      };
    }),
}));
