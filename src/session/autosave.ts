import {
  describeRun,
  isLost,
  openRun,
  type RandomAccess,
  type RunFile,
  type Snapshot,
  type Snapshots,
  type TextId,
  type Trainer,
  writeRun,
} from '../engine/index.ts';
import { CURVE_KEY, RunCurve } from './curve.ts';
import { type ErrorReport, errorReport, SessionError } from './errorReport.ts';
import type { SavedRun, SessionEvent, TextSource } from './protocol.ts';
import { type OpenSlots, openSlots, storageEstimate } from './storage/opfs.ts';
import type { Place } from './storage/places.ts';
import type { Slots } from './storage/slots.ts';

/** A run trains without being saved rather than wait longer for another tab. */
const NEW_RUN_PATIENCE = { ms: 2000 };

const IN_USE = 'Another tab of Halfstep is using the saved run.';
const ELSEWHERE: ErrorReport = {
  code: 'SAVED_ELSEWHERE',
  message: IN_USE,
  hint: 'This run continues without being saved. Close the other tab to have it saved from then on.',
};
const NO_PLACE: ErrorReport = {
  code: 'STORAGE_FULL',
  message: 'Runs that another tab has left unfinished take the places of all saved runs.',
  hint: 'This run continues without being saved. Reload the page after it to resume, download or remove one of them.',
};

/** What the browser says of its storage, in words. */
function storageError(cause: unknown): ErrorReport {
  if (!(cause instanceof DOMException)) return errorReport(cause);
  const full = cause.name === 'QuotaExceededError';
  return {
    code: full ? 'STORAGE_FULL' : 'STORAGE_REFUSED',
    message: full
      ? 'The browser has no room left for this run.'
      : `The browser keeps nothing for this page (${cause.message}).`,
    hint: full
      ? 'Training continues, and the save before stays. Remove a run that is kept here, or files or data of other sites, to make room.'
      : 'Training continues without being saved: private windows and blocked site data do that.',
  };
}

export function nothingSaved(): SessionError {
  return new SessionError('NOTHING_SAVED', 'There is no saved run to resume here.', 'Start a new one.');
}

/**
 * Reads the file of a place, which need not be of this version, for as long as `use` takes.
 * @throws SessionError NOTHING_SAVED, or SAVED_ELSEWHERE where another tab has it
 */
export async function withSave<T>(place: Place, use: (file: RandomAccess) => Promise<T>): Promise<T> {
  const open = await openSlots();
  if (!open) throw savedElsewhere();
  try {
    const save = await open.places[place].newest();
    if (!save) throw nothingSaved();
    return await use(save.source);
  } finally {
    open.close();
  }
}

function savedElsewhere(): SessionError {
  return new SessionError('SAVED_ELSEWHERE', IN_USE, 'Close the other tab, then try again.');
}

async function newestRun(slots: Slots): Promise<RunFile | null> {
  const save = await slots.newest();
  return save && openRun(save.source);
}

export function savedFacts({ description, progress, file }: RunFile): SavedRun {
  const { config, text, savedAt } = description;
  return { config, text, savedAt, step: progress.attempted, bytes: file.source.size };
}

/**
 * Keeps one run in the page's private storage: now and then, on a pause, when the page is hidden, and at the end. What
 * fails is told and tried again; training goes on.
 */
export class Autosave {
  readonly #post: (event: SessionEvent) => void;
  readonly #run: number;
  /** Null while another tab has the storage. */
  #open: OpenSlots | null = null;
  /** Where it is saved; null before that is known. */
  #place: Place | null = null;
  /** Where the run lies that it goes on with, if any does. */
  readonly #from: Place | null;
  /** Aborted when the storage is waited for no longer. */
  readonly #waiting = new AbortController();
  /** Settles when it is waited for no longer, and nothing that came late is held. */
  #taking: Promise<void> = Promise.resolve();
  #curve = new RunCurve();
  #timer: ReturnType<typeof setInterval> | undefined;
  #trainer: Trainer | undefined;
  #snapshots: Snapshots | undefined;
  #builtin: TextId | null = null;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;
  /** A save is due, and waits for the run to be between two steps. */
  #due = false;
  /** Steps of the newest save that was begun. */
  #newest = -1;
  /** The newest save is of this run. */
  #saved = false;

  private constructor(post: (event: SessionEvent) => void, run: number, from: Place | null) {
    this.#post = post;
    this.#run = run;
    this.#from = from;
  }

  /**
   * Takes the storage for one run. Where another tab has it, a new run is saved as soon as that gives it back, which is told
   * once; one that goes on with a saved run needs its file.
   * @param choose where to save it; null for nowhere
   * @param from the place of the run that it goes on with
   * @returns null where the browser gives no storage, which is told, and where `choose` finds no place
   * @throws SessionError SAVED_ELSEWHERE where the run that it goes on with cannot be had
   */
  static async hold(
    post: (event: SessionEvent) => void,
    run: number,
    choose: (open: OpenSlots) => Promise<Place | null>,
    from: Place | null = null,
  ): Promise<Autosave | null> {
    const autosave = new Autosave(post, run, from);
    try {
      const open = await openSlots(true, from === null ? NEW_RUN_PATIENCE : {});
      if (open) return (await autosave.#take(open, choose)) ? autosave : null;
    } catch (cause) {
      post({ type: 'autosaveFailed', run, error: storageError(cause) });
      return null;
    }
    if (from !== null) throw savedElsewhere();
    post({ type: 'autosaveFailed', run, error: ELSEWHERE });
    autosave.#taking = autosave.#takeLater(choose);
    return autosave;
  }

  /** @returns whether there is a place for it */
  async #take(open: OpenSlots, choose: (open: OpenSlots) => Promise<Place | null>): Promise<boolean> {
    const place = this.#closed ? null : await choose(open).catch(() => null);
    if (place === null || this.#closed) {
      open.close();
      return false;
    }
    this.#open = open;
    this.#place = place;
    return true;
  }

  async #takeLater(choose: (open: OpenSlots) => Promise<Place | null>): Promise<void> {
    const { signal } = this.#waiting;
    try {
      const open = await openSlots(true, { until: signal });
      if (open && (await this.#take(open, choose))) this.request();
      else if (!this.#closed) this.#post({ type: 'autosaveFailed', run: this.#run, error: NO_PLACE });
    } catch (cause) {
      if (!this.#closed) this.#post({ type: 'autosaveFailed', run: this.#run, error: storageError(cause) });
    }
  }

  /** Where it is saved; null as long as another tab has the storage. */
  get place(): Place | null {
    return this.#place;
  }

  /**
   * The saved run, to be gone on with, whose figures {@link curve} has then; null where there is none.
   * @throws EngineError WRONG_RUN or BAD_FILE
   */
  async saved(): Promise<RunFile | null> {
    const run = await this.#runIn(this.#from);
    if (run) this.#curve = RunCurve.parse(run.file.metadata.get(CURVE_KEY), run.progress.attempted);
    return run;
  }

  /** The figures that are saved with the run: those of its steps are to be added. */
  get curve(): RunCurve {
    return this.#curve;
  }

  /** The newest save of this run, once none is being written any more; null before its first. */
  async newest(): Promise<RunFile | null> {
    await this.#writing;
    return this.#saved ? this.#runIn(this.#place) : null;
  }

  async #runIn(place: Place | null): Promise<RunFile | null> {
    return this.#open && place !== null ? newestRun(this.#open.places[place]) : null;
  }

  /** Allocates room for a copy of the run's state, and begins to save it. After a loss it goes on with another trainer. */
  async begin(trainer: Trainer, text: TextSource, intervalMs: number): Promise<void> {
    this.drop();
    this.#trainer = trainer;
    this.#builtin = text.kind === 'builtIn' ? text.id : null;
    this.#newest = trainer.submittedSteps;
    this.#snapshots = await trainer.snapshots();
    this.#timer = setInterval(() => this.request(), intervalMs);
  }

  /** The device is lost: nothing can be saved until `begin`. */
  drop(): void {
    clearInterval(this.#timer);
    this.#trainer = undefined;
    this.#snapshots = undefined;
  }

  /** Saves now, or at the next boundary where the GPU has no room for a copy; nothing once the run has ended. */
  request(): void {
    if (this.#closed) return;
    if (this.#snapshots?.pauses) this.#due = true;
    else void this.#save();
  }

  /** The run is between two steps. */
  async boundary(): Promise<void> {
    if (!this.#due) return;
    this.#due = false;
    await this.#save();
  }

  /** Gives the storage back. @param end true where the run has ended as it should, and its end is to be saved */
  async close(end: boolean): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting.abort();
    clearInterval(this.#timer);
    if (end) await this.#save();
    await this.#writing;
    await this.#taking;
    this.#open?.close();
  }

  /** One after the other. */
  #save(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#saveChanges());
    return this.#writing;
  }

  /** What has not changed since is not saved again. */
  async #saveChanges(): Promise<void> {
    const trainer = this.#trainer;
    if (!trainer || !this.#snapshots || !this.#open || trainer.submittedSteps === this.#newest) return;
    let arrived = Promise.resolve();
    const steps = () => {
      this.#newest = trainer.submittedSteps;
      arrived = trainer.metricsArrived;
      return this.#newest;
    };
    // A device that is lost meanwhile is reported by the run itself.
    const snapshot = await this.#snapshots.takeNext(steps).catch(() => null);
    if (snapshot) await this.#write(snapshot, trainer, arrived);
  }

  /** @param arrived resolves with the metrics of the snapshot's last step */
  async #write(snapshot: Snapshot, trainer: Trainer, arrived: Promise<void>): Promise<void> {
    const run = this.#run;
    const place = this.#place!;
    try {
      await arrived;
      const curve = this.#curve.text(snapshot.step, trainer.arrived);
      const description = describeRun(trainer, this.#builtin);
      await this.#open!.places[place].save(writeRun(snapshot, description, { [CURVE_KEY]: curve }));
      this.#saved = true;
      const { pauses } = await trainer.snapshots();
      const storage = await storageEstimate();
      this.#post({ type: 'autosaved', run, place, step: snapshot.step, storage, pauses });
    } catch (cause) {
      this.#newest = -1;
      // What a lost device takes back in the middle of a save is no fault of the storage.
      if (!(await isLost(trainer.device)))
        this.#post({ type: 'autosaveFailed', run, error: storageError(cause) });
    } finally {
      snapshot.release();
    }
  }
}

/** What is left of a run that cannot go on, in a sentence. */
export async function whereSaved(autosave: Autosave | null): Promise<string> {
  const saved = await autosave?.newest();
  return saved
    ? `The run is saved at step ${saved.progress.attempted}: it can be resumed.`
    : 'What was learned is shown, and not saved.';
}
