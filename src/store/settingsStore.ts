import { create } from 'zustand';
import type { ErrorReport, TextFacts, TextProgress } from '../session/protocol.ts';
import { DEFAULT_SETTINGS, type NumberSetting, type Problem, type Settings } from './settings.ts';
import { readNumber } from './typedNumber.ts';

/** The visitor's own text. The file itself stays in `ownText.ts`: stores hold plain data. */
export type OwnText =
  | { readonly state: 'none' }
  | {
      readonly state: 'checking';
      readonly id: number;
      readonly name: string;
      /** Null until the worker reports progress. */
      readonly progress: TextProgress | null;
    }
  | { readonly state: 'ready'; readonly facts: TextFacts }
  | { readonly state: 'refused'; readonly name: string; readonly error: ErrorReport };

interface SettingsState {
  readonly settings: Settings;
  /** The text in a number's field where it differs from the usual spelling of the number, such as `0.` or `2^16`. */
  readonly typed: Partial<Record<NumberSetting, string>>;
  /** The entries of `typed` that are not numbers. */
  readonly unread: Partial<Record<NumberSetting, string>>;
  /** The preset was chosen by a person or an address: the page no longer adapts it to the adapter. */
  readonly presetChosen: boolean;
  readonly ownText: OwnText;
  /** What the address requested and was refused. */
  readonly addressProblems: readonly Problem[];

  choose(change: Partial<Settings>): void;
  typeNumber(key: NumberSetting, text: string): void;
}

export const useSettings = create<SettingsState>()((set) => ({
  settings: DEFAULT_SETTINGS,
  typed: {},
  unread: {},
  presetChosen: false,
  ownText: { state: 'none' },
  addressProblems: [],

  choose: (change) =>
    set((state) => ({
      settings: { ...state.settings, ...change },
      typed: without(state.typed, Object.keys(change)),
      unread: without(state.unread, Object.keys(change)),
      presetChosen: state.presetChosen || change.preset !== undefined,
    })),

  typeNumber: (key, text) =>
    set((state) => {
      const empty = text.trim() === '';
      const value = empty ? null : readNumber(text);
      const typed = without(state.typed, [key]);
      const unread = without(state.unread, [key]);
      return {
        settings: { ...state.settings, [key]: value },
        typed: text === String(value ?? '') ? typed : { ...typed, [key]: text },
        unread: value === null && !empty ? { ...unread, [key]: text } : unread,
      };
    }),
}));

type Texts = Partial<Record<NumberSetting, string>>;

function without(texts: Texts, keys: readonly string[]): Texts {
  return Object.fromEntries(Object.entries(texts).filter(([key]) => !keys.includes(key)));
}

export function dismissAddressProblems(): void {
  useSettings.setState({ addressProblems: [] });
}
