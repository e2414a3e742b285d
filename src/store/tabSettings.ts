/** Settings that survive a reload of the tab. Another visit begins with those of its address, or the preset's. */
import { type Address, readAddress } from './address.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';
import { useSettings } from './settingsStore.ts';
import { shareQuery } from './shareLink.ts';

const KEY = 'halfstep.settings';

interface Kept {
  /** The query of the address: another one has settings of its own. */
  readonly address: string;
  /** The settings as a link has them, without files. */
  readonly query: string;
  /** Whether the preset was chosen. One that was not is chosen for the adapter again. */
  readonly presetChosen: boolean;
}

/** Writes the settings down when the page is left. Without storage, a reload begins anew. */
export function keepSettingsOnReload(): void {
  addEventListener('pagehide', () => {
    const { settings, presetChosen } = useSettings.getState();
    const kept: Kept = { address: location.search, query: shareQuery(settings), presetChosen };
    try {
      sessionStorage.setItem(KEY, JSON.stringify(kept));
    } catch {
      // Nothing depends on it.
    }
  });
}

/** What the tab had before it was reloaded, on top of what its address gives; the address's settings otherwise. */
export function withKeptSettings(address: Address): Partial<Settings> {
  const kept = keptSettings();
  if (!kept) return address.settings;
  const { settings, problems } = readAddress(kept.query, DEFAULT_SETTINGS);
  // Settings that could not be trained stay to be corrected, but not what this version cannot read.
  if (problems.length > 0 && Object.keys(settings).length === 0) return address.settings;
  const { preset, ...others } = { ...DEFAULT_SETTINGS, ...settings };
  return kept.presetChosen ? { ...others, preset } : others;
}

function keptSettings(): Kept | null {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  if (navigation?.type !== 'reload') return null;
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Kept | null;
    return kept?.address === location.search ? kept : null;
  } catch {
    return null;
  }
}
