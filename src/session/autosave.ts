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

/** Milliseconds to wait for the storage before a new run starts without being saved. */
const NEW_RUN_PATIENCE = { ms: 2000 };

const IN_USE = 'Another tab of Halfstep is using the saved run.';
const ELSEWHERE: ErrorReport = {
  code: 'SAVED_ELSEWHERE',
  message: IN_USE,
  hint: 'This run continues without being saved. Close the other tab to have it saved from then on.',
};
const NO_PLACE: ErrorReport = {
  code: 'STORAGE_FULL',
  message: 'Unfinished runs occupy all places for saved runs.',
  hint: 'This run continues without being saved. After it, reload the page to resume, export or remove one of them.',
};

/** Turns an error of the browser's storage into a message for the visitor. */
function storageError(cause: unknown): ErrorReport {
  if (!(cause instanceof DOMException)) return errorReport(cause);
  const full = cause.name === 'QuotaExceededError';
  return {
    code: full ? 'STORAGE_FULL' : 'STORAGE_REFUSED',
    message: full
      ? 'The browser has no room left for this run.'
      : `The browser stores nothing for this page (${cause.message}).`,
    hint: full
      ? 'Training continues, and the previous save is kept. To make room, remove a saved run here, or files or data of other sites.'
      : 'Training continues without being saved. Private windows and blocked site data cause this.',
  };
}

export function nothingSaved(): SessionError {
  return new SessionError('NOTHING_SAVED', 'There is no saved run to resume here.', 'Start a new one.');
}

/**
 * Opens the save at `place`, of whatever version, and keeps its file open while `use` runs.
 * @throws SessionError NOTHING_SAVED, or SAVED_ELSEWHERE when another tab holds the storage
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

export function savedElsewhere(): SessionError {
  return new SessionError('SAVED_ELSEWHERE', IN_USE, 'Close the other tab, then try again.');
}

async function newestRun(slots: Slots): Promise<RunFile | null> {
  const save = await slots.newest();
  return save && openRun(save.source);
}

export function savedFacts({ description, progress, file }: RunFile): SavedRun {
  const { config, text, savedAt } = description;
  const best = config.keepBest ? progress.best : undefined;
  return {
    ...{ config, text, savedAt, step: progress.attempted, bytes: file.source.size },
    ...(best && { best }),
  };
}

/**
 * Saves one run in the page's private storage: at intervals, on a pause, when the page is hidden, and at the end. A
 * failed save is reported and retried; training continues.
 */
export class Autosave {
  readonly #post: (event: SessionEvent) => void;
  readonly #run: number;
  /** Null while another tab holds the storage. */
  #open: OpenSlots | null = null;
  /** The place where the run is saved; null until it is chosen. */
  #place: Place | null = null;
  /** The place of the run that this one continues; null for a new run. */
  readonly #from: Place | null;
  /** Aborted to stop waiting for the storage. */
  readonly #waiting = new AbortController();
  /** Settles when nothing waits for the storage. */
  #taking: Promise<void> = Promise.resolve();
  #curve = new RunCurve();
  #timer: ReturnType<typeof setInterval> | undefined;
  #trainer: Trainer | undefined;
  #snapshots: Snapshots | undefined;
  #builtin: TextId | null = null;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;
  /** A save is due and waits until the run is between two steps. */
  #due = false;
  /** Step of the newest save that was started. */
  #newest = -1;
  /** The last evaluation that this save includes. */
  #evaluated = -1;
  /** Whether the newest save belongs to this run. */
  #saved = false;

  private constructor(post: (event: SessionEvent) => void, run: number, from: Place | null) {
    this.#post = post;
    this.#run = run;
    this.#from = from;
  }

  /**
   * Acquires the storage for one run. If another tab holds it, which is reported, a new run is saved as soon as the storage
   * is free; a run that continues a saved one needs its file and is refused.
   * @param choose picks the place to save to
   * @param from the place of the run that this one continues
   * @returns null when the browser refuses the storage, which is reported, and when `choose` finds no place
   * @throws SessionError SAVED_ELSEWHERE when another tab holds the run to continue
   */
  static async acquire(
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

  /** @returns whether there is a place for the run */
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

  /** The storage, which no other part of the page can open meanwhile; null while another tab holds it, and at the end. */
  get storage(): OpenSlots | null {
    return this.#open;
  }

  /** The place where the run is saved; null while another tab holds the storage. */
  get place(): Place | null {
    return this.#place;
  }

  /**
   * The saved run to continue, whose figures {@link curve} then holds; null where there is none.
   * @throws EngineError WRONG_RUN or BAD_FILE
   */
  async saved(): Promise<RunFile | null> {
    const run = await this.#runIn(this.#from);
    if (run) this.#curve = RunCurve.parse(run.file.metadata.get(CURVE_KEY), run.progress.attempted);
    return run;
  }

  /** The figures saved with the run. The caller adds those of each new step. */
  get curve(): RunCurve {
    return this.#curve;
  }

  /** The newest save of this run, once the write in progress has finished; null before the first. */
  async newest(): Promise<RunFile | null> {
    await this.#writing;
    return this.#saved ? this.#runIn(this.#place) : null;
  }

  async #runIn(place: Place | null): Promise<RunFile | null> {
    return this.#open && place !== null ? newestRun(this.#open.places[place]) : null;
  }

  /**
   * Allocates room for a copy of the run's state and starts saving. After a lost device it is called again with the new
   * trainer.
   */
  async begin(trainer: Trainer, text: TextSource, intervalMs: number): Promise<void> {
    this.drop();
    this.#trainer = trainer;
    this.#builtin = text.kind === 'builtIn' ? text.id : null;
    this.#newest = trainer.submittedSteps;
    this.#evaluated = trainer.best.evaluatedAt;
    this.#snapshots = await trainer.snapshots();
    this.#timer = setInterval(() => this.request(), intervalMs);
  }

  /** Called when the device is lost: nothing can be saved until `begin` is called again. */
  drop(): void {
    clearInterval(this.#timer);
    this.#trainer = undefined;
    this.#snapshots = undefined;
  }

  /**
   * Saves now, or at the next step boundary where the GPU has no room for a copy. Does nothing once the run has ended.
   */
  request(): void {
    if (this.#closed) return;
    if (this.#snapshots?.pauses) this.#due = true;
    else void this.#save();
  }

  /** Called between two steps: writes the save that is due. */
  async boundary(): Promise<void> {
    if (!this.#due) return;
    this.#due = false;
    await this.#save();
  }

  /** Releases the storage. @param end whether the run ended normally, so that its final state is saved */
  async close(end: boolean): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting.abort();
    clearInterval(this.#timer);
    if (end) await this.#save();
    await this.#writing;
    await this.#taking;
    this.#open?.close();
    this.#open = null;
  }

  /** Queues a save: saves run one at a time. */
  #save(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#saveChanges());
    return this.#writing;
  }

  /** Skips the save when no step was taken, and no evaluation counted, since the last one. */
  async #saveChanges(): Promise<void> {
    const trainer = this.#trainer;
    if (!trainer || !this.#snapshots || !this.#open) return;
    if (trainer.submittedSteps === this.#newest && trainer.best.evaluatedAt === this.#evaluated) return;
    let arrived = Promise.resolve();
    const steps = () => {
      this.#newest = trainer.submittedSteps;
      this.#evaluated = trainer.best.evaluatedAt;
      arrived = trainer.metricsArrived;
      return this.#newest;
    };
    // The run itself reports a device that is lost meanwhile.
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
      // A save that fails because the device was lost is not a storage error.
      if (!(await isLost(trainer.device)))
        this.#post({ type: 'autosaveFailed', run, error: storageError(cause) });
    } finally {
      snapshot.release();
    }
  }
}

/** One sentence that says whether a run that cannot continue was saved. */
export async function whereSaved(autosave: Autosave | null): Promise<string> {
  const saved = await autosave?.newest();
  return saved
    ? `The run is saved at step ${saved.progress.attempted}: it can be resumed.`
    : 'The results so far are shown, but not saved.';
}
