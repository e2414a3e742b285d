/** Which saved run gives its place to the next one. */

/**
 * The storage has a place for each of two runs, so that the last one that has ended stays while the next is saved: only the run
 * after that takes its place.
 */
export const PLACES = [0, 1] as const;
export type Place = (typeof PLACES)[number];

/** A run in a place. */
export interface Placed {
  readonly place: Place;
  /** It has taken all its steps, or was ended by this visit: nothing of it is left to go on with that is not said to be. */
  readonly ended: boolean;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** Who has the places: a run that this version cannot read keeps its own as an unfinished one does. */
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
 * Where a run that begins is saved: in a free place, else in that of the run that ended first; null where a run that is left
 * unfinished would have to give way.
 * @param abandoned the place of a run that another was started instead of, which gives way before others
 */
export function placeForNext(stored: readonly Placed[], abandoned: Place | null = null): Place | null {
  const free = PLACES.find((place) => !stored.some((run) => run.place === place));
  if (abandoned !== null || free !== undefined) return abandoned ?? free!;
  const [first] = stored.filter(({ ended }) => ended).toSorted((a, b) => a.savedAt - b.savedAt);
  return first?.place ?? null;
}

/**
 * Where a run is saved that goes on with the one in `from`: where that lies if it is unfinished. One that had ended stays as it
 * was, where another place can be had.
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
