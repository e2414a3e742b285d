import { BUILTIN_TEXTS, DEFAULT_TEXT } from '../engine/data/builtins.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';

/** What an address always names: without a preset, the page would choose one for the adapter. */
const ALWAYS: readonly (keyof Settings)[] = ['preset', 'precision'];

/**
 * The query that opens the page with these settings: the preset, the mode, and what was set apart from them. It starts
 * nothing. `readAddress` reads it back.
 */
export function shareQuery(settings: Settings): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(shareable(settings)) as [keyof Settings, unknown][]) {
    if (value === null || (value === DEFAULT_SETTINGS[key] && !ALWAYS.includes(key))) continue;
    query.set(key, String(value));
  }
  return `?${query}`;
}

/** What a link leaves out, in words; null where it says everything. */
export function leftOutOfLink({ text }: Settings): string | null {
  if (text !== 'own') return null;
  return `Your own text stays on this device: whoever opens the link trains on ${BUILTIN_TEXTS[DEFAULT_TEXT].title} until they choose a text.`;
}

function shareable(settings: Settings): Settings {
  return settings.text === 'own' ? { ...settings, text: DEFAULT_SETTINGS.text } : settings;
}
