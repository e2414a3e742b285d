/** The page's address follows the settings, so that it can be copied, bookmarked and opened again. */
import { settingsProblem } from './settings.ts';
import { useSettings } from './settingsStore.ts';
import { shareQuery } from './shareLink.ts';

/** What an address keeps beside the settings. `autostart` is not: other settings start only when they are asked to. */
const KEPT = ['ui', 'autosave'] as const;
/** Browsers refuse too many changes of the address in a short time. */
const DELAY_MS = 300;

/** The query of an address with these settings. A preset that was not chosen is left to the adapter. */
export function addressQuery(
  query: string,
  { settings, presetChosen }: Pick<ReturnType<typeof useSettings.getState>, 'settings' | 'presetChosen'>,
): string {
  const [preset, ...rest] = shareQuery(settings).slice(1).split('&');
  const before = new URLSearchParams(query);
  const kept = KEPT.flatMap((name) => (before.has(name) ? [`${name}=${before.get(name)}`] : []));
  return `?${[...(presetChosen ? [preset] : []), ...rest, ...kept].join('&')}`;
}

/** From now on. Settings that cannot be trained leave the address as it is. */
export function followSettings(): void {
  let shown = settingsPart();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = () => {
    const wanted = settingsPart();
    if (wanted === shown || settingsProblem(useSettings.getState().settings)) return;
    shown = wanted;
    const query = addressQuery(location.search, useSettings.getState());
    history.replaceState(history.state, '', location.pathname + query + location.hash);
  };
  useSettings.subscribe(({ settings }, before) => {
    if (settings === before.settings) return;
    clearTimeout(timer);
    timer = setTimeout(write, DELAY_MS);
  });
}

function settingsPart(): string {
  return addressQuery('', useSettings.getState());
}
