/** The runs that the page's private storage keeps, and which of them this visit has ended itself. */
import { openRun, type RunFile, writerOf } from '../engine/index.ts';
import { Autosave, savedFacts } from './autosave.ts';
import { errorReport } from './errorReport.ts';
import type { SessionEvent, StoredRun, UnreadableRun } from './protocol.ts';
import { type OpenSlots, openSlots } from './storage/opfs.ts';
import { PLACES, type Place, placeForNext, placesTaken, placeToContinue } from './storage/places.ts';
import { type Save, Slots } from './storage/slots.ts';

/** Nothing waits longer for what another tab has only to be told of it. */
const LOOK_PATIENCE = { ms: 2000 };

interface Found {
  readonly stored: readonly StoredRun[];
  readonly unreadable: readonly UnreadableRun[];
}

export class Shelf {
  readonly #post: (event: SessionEvent) => void;
  /** Places whose run this visit has ended, before all its steps or after them. */
  readonly #ended = new Set<Place>();
  /** Of the run that another was started instead of. */
  #abandoned: Place | null = null;
  #later: Promise<void> | null = null;

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
  }

  /**
   * Tells what the storage holds, and what is kept there although this version cannot read it. Where another tab has the
   * storage, that is told once it gives it back, and nothing until then.
   * @param checked every save is read in full; else one whose weights are damaged is told too, and found so when it is used
   * @returns whether one is left unfinished
   */
  async tell(checked: boolean): Promise<boolean> {
    const open = await openSlots(false, LOOK_PATIENCE).catch(() => undefined);
    if (open === null) this.#later ??= this.#tellLater(checked);
    return this.#tellOf(open ?? null, checked);
  }

  /** Resolves when nothing is to be told that another tab held back. */
  get told(): Promise<void> {
    return this.#later ?? Promise.resolve();
  }

  async #tellOf(open: OpenSlots | null, checked: boolean): Promise<boolean> {
    const found = open ? await this.#found(open, checked) : { stored: [], unreadable: [] };
    open?.close();
    this.#post({ type: 'savedRuns', ...found });
    return found.stored.some(({ ended }) => !ended);
  }

  async #tellLater(checked: boolean): Promise<void> {
    const open = await openSlots(false, { until: new AbortController().signal }).catch(() => null);
    this.#later = null;
    if (open) await this.#tellOf(open, checked);
  }

  /**
   * Takes the storage for a run. One that goes on with an unfinished run is saved in its place; one that is trained on from a
   * run that had ended leaves that as it is where another place can be had.
   * @param from the place of the run that it goes on with
   * @returns null where an unfinished run would have to give way, and, which is told, where the storage cannot be had
   * @throws SessionError SAVED_ELSEWHERE where another tab has the run that it goes on with
   */
  hold(run: number, from: Place | null): Promise<Autosave | null> {
    return Autosave.hold(this.#post, run, (open) => this.#choose(open, from), from);
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
    const taken = placesTaken(await this.#found(open, false));
    const place =
      from === null ? placeForNext(taken, this.#abandoned) : placeToContinue(taken, from, this.#abandoned);
    if (place !== null) this.#ended.delete(place);
    if (place === this.#abandoned) this.#abandoned = null;
    return place;
  }

  async #found({ places }: OpenSlots, checked: boolean): Promise<Found> {
    const stored: StoredRun[] = [];
    const unreadable: UnreadableRun[] = [];
    for (const place of PLACES) {
      const read = await readPlace(places[place], checked);
      if (read.state === 'unreadable') unreadable.push({ place, ...read.what });
      if (read.state !== 'run') continue;
      const saved = savedFacts(read.run);
      const ended = saved.step >= saved.config.steps || this.#ended.has(place);
      stored.push({ ...saved, place, ended });
    }
    return { stored, unreadable };
  }
}

type Read =
  | { readonly state: 'empty' }
  | { readonly state: 'run'; readonly run: RunFile }
  | { readonly state: 'unreadable'; readonly what: Omit<UnreadableRun, 'place'> };

/** What a damaged save held is lost; one that is whole and cannot be read is another version's, and is not this one's to lose. */
async function readPlace(slots: Slots, checked: boolean): Promise<Read> {
  const form = slots.laterForm();
  if (form !== null) return { state: 'unreadable', what: ofLaterForm(form) };
  const glanced = checked ? null : await readSave(slots.glance());
  if (glanced?.state === 'run') return glanced;
  // Where the newest is damaged, the one before may be whole.
  return readSave(await slots.newest().catch(() => null));
}

async function readSave(save: Save | null): Promise<Read> {
  if (!save) return { state: 'empty' };
  try {
    return { state: 'run', run: await openRun(save.source) };
  } catch (cause) {
    const writer = await writerOf(save.source);
    return { state: 'unreadable', what: { writer, error: errorReport(cause), exported: true } };
  }
}

function ofLaterForm(form: number): Omit<UnreadableRun, 'place'> {
  const message = `The storage has form ${form}, and this version of the page reads forms up to ${Slots.FORM}.`;
  const error = { code: 'WRONG_RUN', message, hint: 'Reload the page to get its newest version.' } as const;
  return { writer: null, error, exported: false };
}
