import {
  describeRun,
  isLost,
  openRun,
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

const ELSEWHERE: ErrorReport = {
  code: 'SAVED_ELSEWHERE',
  message: 'Another tab is training, and its run is the one that is saved.',
  hint: 'This run continues without being saved. Close the other tab, then press Train again to have it saved.',
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
 * Reads the run of a place, for as long as `use` takes.
 * @throws SessionError NOTHING_SAVED, or SAVED_ELSEWHERE where another tab has it
 */
export async function withSave<T>(place: Place, use: (run: RunFile) => Promise<T>): Promise<T> {
  const open = await openSlots();
  if (!open) throw new SessionError('SAVED_ELSEWHERE', ELSEWHERE.message, 'Close the other tab first.');
  try {
    const saved = await newestRun(open.places[place]);
    if (!saved) throw nothingSaved();
    return await use(saved);
  } finally {
    open.close();
  }
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
  readonly #open: OpenSlots;
  /** Where it is saved. */
  readonly place: Place;
  /** Where the run lies that it goes on with, if any does. */
  readonly #from: Place;
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

  private constructor(
    post: (event: SessionEvent) => void,
    run: number,
    open: OpenSlots,
    place: Place,
    from: Place,
  ) {
    this.#post = post;
    this.#run = run;
    this.#open = open;
    this.place = place;
    this.#from = from;
  }

  /**
   * Takes the storage for one run; null, which is told, where another tab has it or the browser gives none, and null where
   * `choose` finds no place.
   * @param choose where to save it
   * @param from the place of the run that it goes on with
   */
  static async hold(
    post: (event: SessionEvent) => void,
    run: number,
    choose: (open: OpenSlots) => Promise<Place | null>,
    from: Place | null = null,
  ): Promise<Autosave | null> {
    const open = await openSlots(true).catch(storageError);
    if (!open || !('places' in open)) {
      post({ type: 'autosaveFailed', run, error: open ?? ELSEWHERE });
      return null;
    }
    const place = await choose(open).catch(() => null);
    if (place !== null) return new Autosave(post, run, open, place, from ?? place);
    open.close();
    return null;
  }

  /**
   * The saved run, to be gone on with, whose figures {@link curve} has then; null where there is none.
   * @throws EngineError WRONG_RUN or BAD_FILE
   */
  async saved(): Promise<RunFile | null> {
    const run = await newestRun(this.#open.places[this.#from]);
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
    return this.#saved ? newestRun(this.#open.places[this.place]) : null;
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
    clearInterval(this.#timer);
    if (end) await this.#save();
    await this.#writing;
    this.#open.close();
  }

  /** One after the other. */
  #save(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#saveChanges());
    return this.#writing;
  }

  /** What has not changed since is not saved again. */
  async #saveChanges(): Promise<void> {
    const trainer = this.#trainer;
    if (!trainer || !this.#snapshots || trainer.submittedSteps === this.#newest) return;
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
    try {
      await arrived;
      const curve = this.#curve.text(snapshot.step, trainer.arrived);
      const description = describeRun(trainer, this.#builtin);
      await this.#open.places[this.place].save(writeRun(snapshot, description, { [CURVE_KEY]: curve }));
      this.#saved = true;
      const { pauses } = await trainer.snapshots();
      const storage = await storageEstimate();
      this.#post({ type: 'autosaved', run, place: this.place, step: snapshot.step, storage, pauses });
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
