/** How the settings differ: from their preset, from what is training, and which of them is to blame. */
import { checkSetting, rowOf } from '../engine/index.ts';
import {
  type ChoiceSetting,
  DEFAULT_SETTINGS,
  fieldOf,
  firstConfig,
  isNumber,
  type NumberSetting,
  PRESET_SETTINGS,
  type PresetSetting,
  type Problem,
  problemOf,
  type Settings,
  settingIn,
  settingsProblem,
} from './settings.ts';

/** Settings whose values differ from those they have when all is left to preset and mode. */
export function changedSettings(settings: Settings): PresetSetting[] {
  return PRESET_SETTINGS.filter((key) => {
    if (settings[key] === DEFAULT_SETTINGS[key]) return false;
    return valueIn(settings, key) !== valueIn(leaveToPreset(settings, PRESET_SETTINGS), key);
  });
}

/** The settings with `keys` left to the preset. */
export function leaveToPreset(settings: Settings, keys: readonly PresetSetting[]): Settings {
  return { ...settings, ...resetOf(keys) };
}

/** The change that leaves `keys` to the preset. */
export function resetOf(keys: readonly PresetSetting[]): Partial<Settings> {
  return Object.fromEntries(keys.map((key) => [key, DEFAULT_SETTINGS[key]]));
}

/** What a number is while its field is empty, with whatever else was chosen. Null: what the mode says. */
export function standardOf(settings: Settings, key: NumberSetting): number | null {
  return settingIn(firstConfig(leaveToPreset(settings, [key])), key) as number | null;
}

/** What a choice is while it is left to the preset, or to what the file of weights suggests. */
export function standardChoice(settings: Settings, key: ChoiceSetting): string {
  const value = settingIn(firstConfig(leaveToPreset(settings, [key])), key);
  return String(value ?? rowOf(fieldOf(key)).standard);
}

/** The value that a run would have. */
function valueIn(settings: Settings, key: PresetSetting): unknown {
  const chosen = settings[key];
  if (chosen !== null) return chosen;
  return settingIn(firstConfig(settings), key); // warm-up and the lowest rate follow others
}

/** What is wrong with one number, in the engine's words, where that number is to blame; null when it is not. */
export function numberProblem(settings: Settings, key: NumberSetting): Problem | null {
  if (settings[key] === null) return null;
  const own = rangeProblem(settings, key);
  if (own) return own;
  // Numbers that are wrong by themselves are reported at their own fields.
  const sane = leaveToPreset(
    settings,
    PRESET_SETTINGS.filter((other) => isNumber(other) && rangeProblem(settings, other)),
  );
  const problem = settingsProblem(sane);
  if (!problem) return null;
  const without = settingsProblem(leaveToPreset(sane, [key]));
  return without?.message === problem.message ? null : problem;
}

function rangeProblem(settings: Settings, key: NumberSetting): Problem | null {
  const value = settings[key];
  return value === null ? null : problemOf(() => checkSetting(fieldOf(key), value));
}

/** How many choices were changed since a training was started with `started`; the modes are one. */
export function pendingChanges(started: Settings, settings: Settings): number {
  const samePreset = started.preset === settings.preset;
  const values = PRESET_SETTINGS.filter((key) => {
    if (started[key] === settings[key]) return false;
    return !samePreset || valueIn(started, key) !== valueIn(settings, key);
  });
  const others = [
    !samePreset,
    started.modes.join() !== settings.modes.join(),
    started.schedule !== settings.schedule,
    started.seeds !== settings.seeds,
    started.text !== settings.text,
    started.init?.id !== settings.init?.id,
  ];
  return values.length + others.filter(Boolean).length;
}
