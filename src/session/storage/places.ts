/** Decides which saved run the next one replaces. */

/**
 * The storage has two places, so that the last ended run is kept while the next one is saved. Only the run after that
 * replaces it.
 */
export const PLACES = [0, 1] as const;
export type Place = (typeof PLACES)[number];

/** A run saved at a place. */
export interface Placed {
  readonly place: Place;
  /**
   * Whether it has taken all its steps or was ended in this visit, so that nothing unfinished would be lost with it.
   */
  readonly ended: boolean;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** Who occupies the places: a run that this version cannot read keeps its place like an unfinished one. */
export function placesTaken({
  stored,
  unreadable,
}: {
  readonly stored: readonly Placed[];
  readonly unreadable: readonly Pick<Placed, 'place'>[];
}): Placed[] {
  return [...stored, ...unreadable.map(({ place }) => ({ place, ended: false, savedAt: 0 }))];
}

/**
 * The place for a new run: a free one, otherwise that of the run that ended first; null when both hold unfinished runs.
 * @param abandoned the place of a run that another was started instead of; it is replaced before others
 */
export function placeForNext(stored: readonly Placed[], abandoned: Place | null = null): Place | null {
  const free = PLACES.find((place) => !stored.some((run) => run.place === place));
  if (abandoned !== null || free !== undefined) return abandoned ?? free!;
  const [first] = stored.filter(({ ended }) => ended).toSorted((a, b) => a.savedAt - b.savedAt);
  return first?.place ?? null;
}

/**
 * The place for a run that continues the one at `from`: the same place if that run is unfinished. An ended run is kept
 * as it is if another place is available.
 */
export function placeToContinue(
  stored: readonly Placed[],
  from: Place,
  abandoned: Place | null = null,
): Place {
  if (!stored.find(({ place }) => place === from)?.ended) return from;
  const others = stored.map((run) => (run.place === from ? { ...run, ended: false } : run));
  return placeForNext(others, abandoned === from ? null : abandoned) ?? from;
}
