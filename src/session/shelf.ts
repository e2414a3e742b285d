/** The runs in the page's private storage, and which of them ended during this visit. */
import { openRun, type RunFile } from '../engine/index.ts';
import { Autosave, savedFacts } from './autosave.ts';
import type { SessionEvent, StoredRun } from './protocol.ts';
import { type OpenSlots, openSlots } from './storage/opfs.ts';
import { PLACES, type Place, placeForNext, placeToContinue } from './storage/places.ts';
import type { Save, Slots } from './storage/slots.ts';

export class Shelf {
  readonly #post: (event: SessionEvent) => void;
  /** Places whose run ended during this visit, before or after its last step. */
  readonly #ended = new Set<Place>();
  /** Place of the run that was abandoned to start another. */
  #abandoned: Place | null = null;

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
  }

  /**
   * Reports which runs the storage holds. Saves that cannot be read were written by another version of the page and are
   * left out.
   * @param checked whether every save is read in full; otherwise a save with damaged weights is reported too, and
   * refused when it is used
   * @returns whether one of them is unfinished
   */
  async report(checked: boolean): Promise<boolean> {
    const open = await openSlots().catch(() => null);
    const stored = open ? await this.#stored(open, checked) : [];
    open?.close();
    this.#post({ type: 'savedRuns', stored });
    return stored.some(({ ended }) => !ended);
  }

  /**
   * Acquires the storage for a run. A run that continues an unfinished one is saved in the same place; a run that
   * continues an ended one leaves it as it is if another place is available.
   * @param from the place of the run that it continues
   * @returns null when only places of unfinished runs are left, and, which is reported, when the storage is not
   * available
   */
  async acquire(run: number, from: Place | null): Promise<Autosave | null> {
    const autosave = await Autosave.acquire(this.#post, run, (open) => this.#choose(open, from), from);
    if (autosave) this.#ended.delete(autosave.place);
    if (autosave?.place === this.#abandoned) this.#abandoned = null;
    return autosave;
  }

  /** Records that the run at `place` ended in this visit. @param abandoned whether another is started instead of it */
  end(place: Place, abandoned: boolean): void {
    this.#ended.add(place);
    if (abandoned) this.#abandoned = place;
  }

  async forget(place: Place): Promise<void> {
    const open = await openSlots().catch(() => null);
    open?.places[place].clear();
    open?.close();
    if (open) await this.report(false);
  }

  async #choose(open: OpenSlots, from: Place | null): Promise<Place | null> {
    const stored = await this.#stored(open, false);
    return from === null
      ? placeForNext(stored, this.#abandoned)
      : placeToContinue(stored, from, this.#abandoned);
  }

  async #stored({ places }: OpenSlots, checked: boolean): Promise<StoredRun[]> {
    const found: StoredRun[] = [];
    for (const place of PLACES) {
      // If the newest save cannot be read, the one before may be intact.
      const run =
        (checked ? null : await readRun(places[place].glance())) ?? (await newestWhole(places[place]));
      if (!run) continue;
      const saved = savedFacts(run);
      const ended = saved.step >= saved.config.steps || this.#ended.has(place);
      found.push({ ...saved, place, ended });
    }
    return found;
  }
}

async function newestWhole(slots: Slots): Promise<RunFile | null> {
  return readRun(await slots.newest().catch(() => null));
}

function readRun(save: Save | null): Promise<RunFile | null> {
  return save ? openRun(save.source).catch(() => null) : Promise.resolve(null);
}
