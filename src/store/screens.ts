import { withoutTracking } from './tracking.ts';

/** The screens of the page, in the order of their tabs. `train` is the Lab. */
export const SCREENS = ['story', 'text', 'train', 'runs', 'sweep'] as const;
/** Screens without a tab, to which others link. `table` is the article's table. */
const LINKED_SCREENS = ['table'] as const;
export type Screen = (typeof SCREENS | typeof LINKED_SCREENS)[number];

/** Keys of a query that change how a screen looks, not what is trained. */
const LOOKS: ReadonlySet<string> = new Set(['ui']);

/**
 * The screen that an address opens: the one that its fragment names. Without one, the Lab if the query has settings, so
 * that links to runs open where they are trained, and the story otherwise.
 */
export function screenOf({ hash, search }: Pick<Location, 'hash' | 'search'>): Screen {
  const named = [...SCREENS, ...LINKED_SCREENS].find((screen) => screen === hash.slice(1));
  if (named) return named;
  const keys = [...new URLSearchParams(withoutTracking(search)).keys()];
  return keys.some((key) => !LOOKS.has(key)) ? 'train' : 'story';
}
