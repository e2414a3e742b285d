/** The settings that train a run of the history again. */
import { BUILTIN_TEXTS, DEFAULT_PRESET, PRESETS, type PresetName, TEXT_IDS } from '../../engine/index.ts';
import {
  DEFAULT_SETTINGS,
  firstConfig,
  PRESET_SETTINGS,
  type Settings,
  settingIn,
  type TextChoice,
} from '../settings.ts';
import { modeOfRecord } from './figures.ts';
import type { RunRecord } from './record.ts';

/**
 * What to choose for the settings of a run: its preset and mode, and every setting in which it differs from them. A run
 * that began with the weights of a file begins with random ones. `ownText` names the visitor's text that it had.
 */
export function settingsOf(run: RunRecord): { settings: Settings; ownText: string | null } {
  const preset = Object.hasOwn(PRESETS, run.preset) ? (run.preset as PresetName) : DEFAULT_PRESET;
  const { name } = run.facts.text;
  const builtin = TEXT_IDS.find((id) => BUILTIN_TEXTS[id].title === name);
  const text: TextChoice = builtin ?? 'own';
  let settings: Settings = { ...DEFAULT_SETTINGS, preset, modes: [modeOfRecord(run)], text };
  // Again, since some settings follow others: the warm-up the steps, the least learning rate the greatest.
  for (let again = true; again; ) {
    const config = firstConfig(settings);
    const changed = PRESET_SETTINGS.filter(
      (key) => settings[key] === null && settingIn(run.config, key) !== settingIn(config, key),
    ).flatMap((key) => {
      const value = settingIn(run.config, key);
      return value === null ? [] : [[key, value]];
    });
    settings = { ...settings, ...Object.fromEntries(changed) };
    again = changed.length > 0;
  }
  return { settings, ownText: builtin ? null : name };
}
