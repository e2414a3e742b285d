/** The runs that the page's private storage keeps, and which of them this visit has ended itself. */
import { openRun, type RunFile } from '../engine/index.ts';
import { Autosave, savedFacts } from './autosave.ts';
import type { SessionEvent, StoredRun } from './protocol.ts';
import { type OpenSlots, openSlots } from './storage/opfs.ts';
import { PLACES, type Place, placeForNext, placeToContinue } from './storage/places.ts';
import type { Save, Slots } from './storage/slots.ts';

export class Shelf {
  readonly #post: (event: SessionEvent) => void;
  /** Places whose run this visit has ended, before all its steps or after them. */
  readonly #ended = new Set<Place>();
  /** Of the run that another was started instead of. */
  #abandoned: Place | null = null;

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
  }

  /**
   * Tells what the storage holds. A save that cannot be read was written by another version of the page: it is not told.
   * @param checked every save is read in full; else one whose weights are damaged is told too, and found so when it is used
   * @returns whether one is left unfinished
   */
  async tell(checked: boolean): Promise<boolean> {
    const open = await openSlots().catch(() => null);
    const stored = open ? await this.#stored(open, checked) : [];
    open?.close();
    this.#post({ type: 'savedRuns', stored });
    return stored.some(({ ended }) => !ended);
  }

  /**
   * Takes the storage for a run. One that goes on with an unfinished run is saved in its place; one that is trained on from a
   * run that had ended leaves that as it is where another place can be had.
   * @param from the place of the run that it goes on with
   * @returns null where an unfinished run would have to give way, and, which is told, where the storage cannot be had
   */
  async hold(run: number, from: Place | null): Promise<Autosave | null> {
    const autosave = await Autosave.hold(this.#post, run, (open) => this.#choose(open, from), from);
    if (autosave) this.#ended.delete(autosave.place);
    if (autosave?.place === this.#abandoned) this.#abandoned = null;
    return autosave;
  }

  /** The run of a place has come to its end in this visit. @param abandoned another is started instead of it */
  end(place: Place, abandoned: boolean): void {
    this.#ended.add(place);
    if (abandoned) this.#abandoned = place;
  }

  async forget(place: Place): Promise<void> {
    const open = await openSlots().catch(() => null);
    open?.places[place].clear();
    open?.close();
    if (open) await this.tell(false);
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
      // Where the newest cannot be read, the one before may be whole.
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
