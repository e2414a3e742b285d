import { BUILTIN_TEXTS, DEFAULT_TEXT } from '../engine/index.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';

/**
 * The query that opens the page with these settings: the preset, the modes, and what was set apart from them. It starts
 * nothing. `readAddress` reads it back.
 */
export function shareQuery(settings: Settings): string {
  const { preset, modes, ...rest } = shareable(settings);
  // Always named: without a preset, the page would choose one for the adapter.
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(rest) as [keyof typeof rest, unknown][]) {
    if (value !== null && value !== DEFAULT_SETTINGS[key]) query.set(key, String(value));
  }
  // As it is: links are read by people, and the address knows that + is no space there.
  const chosen = `${modes.length === 1 ? 'precision' : 'modes'}=${modes.join()}`;
  return `?${[`preset=${preset}`, chosen, String(query)].filter(Boolean).join('&')}`;
}

/** What a link leaves out, in words; null where it says everything. */
export function leftOutOfLink({ text, init }: Settings): string | null {
  if (init)
    return `The weights of ${init.name} stay on this device: whoever opens the link starts from random ones.`;
  if (text !== 'own') return null;
  return `Your own text stays on this device: whoever opens the link trains on ${BUILTIN_TEXTS[DEFAULT_TEXT].title} until they choose a text.`;
}

function shareable(settings: Settings): Settings {
  const { text } = settings.text === 'own' ? DEFAULT_SETTINGS : settings;
  return { ...settings, text, init: null };
}
