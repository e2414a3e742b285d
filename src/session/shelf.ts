/** The runs in the page's private storage, and which of them ended during this visit. */
import { isComplete, openRun, type RunFile, writerOf } from '../engine/index.ts';
import { Autosave, savedElsewhere, savedFacts } from './autosave.ts';
import { errorReport, SessionError } from './errorReport.ts';
import type { SessionEvent, StoredRun, UnreadableRun } from './protocol.ts';
import { type OpenSlots, openSlots } from './storage/opfs.ts';
import { PLACES, type Place, placeForNext, placesTaken, placeToContinue } from './storage/places.ts';
import { type Save, Slots } from './storage/slots.ts';

/** Milliseconds to wait before a report leaves out the runs that another tab holds. */
const REPORT_PATIENCE = { ms: 2000 };

interface Found {
  readonly stored: readonly StoredRun[];
  readonly unreadable: readonly UnreadableRun[];
}

export class Shelf {
  readonly #post: (event: SessionEvent) => void;
  /** Places whose run ended during this visit, before or after its last step. */
  readonly #ended = new Set<Place>();
  /** Place of the run that was abandoned to start another. */
  #abandoned: Place | null = null;
  /** The report that waits for another tab. */
  #later: Promise<void> | null = null;
  /** The first report of this visit, while it is made; later none. */
  #first: Promise<boolean> = Promise.resolve(false);
  /** The newest report. */
  #found: Found = { stored: [], unreadable: [] };
  /** The run that holds the storage, or held it last. */
  #autosave: Promise<Autosave | null> = Promise.resolve(null);

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
  }

  /**
   * Reports which runs the storage holds, and which of them this version cannot read. If another tab holds the storage,
   * reports none, and again as soon as it is free.
   * @param checked whether every save is read in full; otherwise a save with damaged weights is reported too, and
   * refused when it is used
   * @returns whether one of them is unfinished
   */
  async report(checked: boolean): Promise<boolean> {
    const open = await openSlots(false, REPORT_PATIENCE).catch(() => undefined);
    if (open === null) this.#later ??= this.#reportLater(checked);
    return this.#reportFrom(open ?? null, checked);
  }

  /** Reports for the first time in this visit, which reads every save in full. */
  async reportFirst(): Promise<void> {
    this.#first = this.report(true);
    await this.#first;
    this.#first = Promise.resolve(false);
  }

  /** Resolves to whether the first report, of which the page does not know yet, has an unfinished run. */
  get unreported(): Promise<boolean> {
    return this.#first;
  }

  /** Resolves when no report waits for another tab. */
  get reported(): Promise<void> {
    return this.#later ?? Promise.resolve();
  }

  async #reportFrom(open: OpenSlots | null, checked: boolean): Promise<boolean> {
    this.#found = open ? await this.#find(open, checked) : { stored: [], unreadable: [] };
    open?.close();
    this.#post({ type: 'savedRuns', ...this.#found });
    return this.#found.stored.some(({ ended }) => !ended);
  }

  async #reportLater(checked: boolean): Promise<void> {
    const open = await openSlots(false, { until: new AbortController().signal }).catch(() => null);
    this.#later = null;
    if (open) await this.#reportFrom(open, checked);
  }

  /**
   * Acquires the storage for a run. A run that continues an unfinished one is saved in the same place; a run that
   * continues an ended one leaves it as it is if another place is available.
   * @param from the place of the run that it continues
   * @returns null when only places of unfinished runs are left, and, which is reported, when the storage is not
   * available
   * @throws SessionError SAVED_ELSEWHERE when another tab holds the run that it continues
   */
  acquire(run: number, from: Place | null): Promise<Autosave | null> {
    const autosave = Autosave.acquire(this.#post, run, (open) => this.#choose(open, from), from);
    this.#autosave = autosave.catch(() => null);
    return autosave;
  }

  /** Records that the run at `place` ended in this visit. @param abandoned whether another is started instead of it */
  end(place: Place, abandoned: boolean): void {
    this.#ended.add(place);
    if (abandoned) this.#abandoned = place;
  }

  /** Deletes a saved run, through the storage of the run that is being saved if there is one. Reports what is left, or why it failed. */
  async forget(place: Place): Promise<void> {
    try {
      const autosave = await this.#autosave;
      if (autosave?.storage) {
        if (place === autosave.place) throw inUse();
        autosave.storage.places[place].clear();
        const others = ({ place: of }: { readonly place: Place }) => of !== place;
        const { stored, unreadable } = this.#found;
        this.#found = { stored: stored.filter(others), unreadable: unreadable.filter(others) };
        this.#post({ type: 'savedRuns', ...this.#found });
        return;
      }
      await clear(place);
      await this.report(false);
    } catch (cause) {
      this.#post({ type: 'forgetRefused', error: errorReport(cause) });
    }
  }

  async #choose(open: OpenSlots, from: Place | null): Promise<Place | null> {
    const taken = placesTaken(await this.#find(open, false));
    const place =
      from === null ? placeForNext(taken, this.#abandoned) : placeToContinue(taken, from, this.#abandoned);
    if (place !== null) this.#ended.delete(place);
    if (place === this.#abandoned) this.#abandoned = null;
    return place;
  }

  async #find({ places }: OpenSlots, checked: boolean): Promise<Found> {
    const stored: StoredRun[] = [];
    const unreadable: UnreadableRun[] = [];
    for (const place of PLACES) {
      const read = await readPlace(places[place], checked);
      if (read.state === 'unreadable') unreadable.push({ place, ...read.what });
      if (read.state !== 'run') continue;
      const saved = savedFacts(read.run);
      const ended = isComplete(read.run) || this.#ended.has(place);
      stored.push({ ...saved, place, ended });
    }
    return { stored, unreadable };
  }
}

/** @throws SessionError SAVED_ELSEWHERE when another tab holds the storage */
async function clear(place: Place): Promise<void> {
  const open = await openSlots();
  if (!open) throw savedElsewhere();
  try {
    open.places[place].clear();
  } finally {
    open.close();
  }
}

function inUse(): SessionError {
  return new SessionError(
    'GPU_BUSY',
    'The run that is training is saved in this place.',
    'Stop it before you remove it.',
  );
}

type Read =
  | { readonly state: 'empty' }
  | { readonly state: 'run'; readonly run: RunFile }
  | { readonly state: 'unreadable'; readonly what: Omit<UnreadableRun, 'place'> };

/**
 * A damaged save is lost anyway. An intact save that cannot be read was written by another version and must not be
 * lost.
 */
async function readPlace(slots: Slots, checked: boolean): Promise<Read> {
  const form = slots.laterForm();
  if (form !== null) return { state: 'unreadable', what: ofLaterForm(form) };
  const glanced = checked ? null : await readSave(slots.glance());
  if (glanced?.state === 'run') return glanced;
  // If the newest save is damaged, the one before may be intact.
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
