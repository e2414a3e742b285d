/** `--save`: a run's state in a file, now and then while it goes on, and at its end. */
import { stat } from 'node:fs/promises';
import {
  describeRun,
  EngineError,
  isLost,
  openRun,
  piecesOf,
  type RunDescription,
  type RunFile,
  type Snapshot,
  type Snapshots,
  type Trainer,
  writeRun,
} from '../engine/index.ts';
import { writePiecesAtomically } from './atomicFile.ts';
import { fileSource } from './fileSource.ts';
import type { SaveChoice, TextChoice } from './options.ts';

/** Writes one run's snapshots. A save that fails leaves the file of the last that did not. */
export class RunSaver {
  readonly #choice: SaveChoice;
  readonly #snapshots: Snapshots;
  readonly #trainer: Pick<Trainer, 'config' | 'device'>;
  readonly #describe: () => RunDescription;
  readonly #tell: (line: string) => void;
  #writing: Promise<void> = Promise.resolve();
  /** Of a save whose bytes have left the GPU. */
  #onDisk: Promise<void> = Promise.resolve();
  /** The last step whose snapshot was begun. */
  #newest = -1;
  #failure: EngineError | null = null;

  /** @param tell shows a line to the user while the run goes on */
  constructor(
    choice: SaveChoice,
    snapshots: Snapshots,
    trainer: Pick<Trainer, 'config' | 'device'>,
    describe: () => RunDescription,
    tell: (line: string) => void,
  ) {
    this.#choice = choice;
    this.#snapshots = snapshots;
    this.#trainer = trainer;
    this.#describe = describe;
    this.#tell = tell;
  }

  /**
   * Begins a save where one is due, and after the last step: what is done with the model then may fail. Waits only for the
   * save before, and where the GPU has no room for a copy.
   */
  async afterStep(step: number): Promise<void> {
    const { every } = this.#choice;
    const isDue = every > 0 && step % every === 0;
    if (isDue || step === this.#trainer.config.steps) await this.#begin(step);
  }

  /**
   * Saves the end, and waits until it is on the disk.
   * @param step the last one taken
   * @returns SAVE_FAILED where the newest state could not be written, else null
   */
  async finish(step: number): Promise<EngineError | null> {
    if (this.#newest !== step || this.#failure) await this.#begin(step);
    await this.#writing;
    return this.#failure;
  }

  /** Waits until no file is written any more. What a lost device holds back is not waited for. */
  async settled(): Promise<void> {
    await this.#onDisk;
  }

  async #begin(step: number): Promise<void> {
    await this.#writing;
    this.#newest = step;
    const snapshot = this.#snapshots.take(step);
    this.#writing = snapshot.then((taken) => this.#write(taken));
    // A lost device is reported by the run itself; unobserved, it must not take the process down.
    this.#writing.catch(() => undefined);
    if (this.#snapshots.pauses) await snapshot;
  }

  async #write(snapshot: Snapshot): Promise<void> {
    try {
      const written = writePiecesAtomically(this.#choice.path, writeRun(snapshot, this.#describe()));
      this.#onDisk = written.catch(() => undefined);
      await written;
      this.#failure = null;
    } catch (error) {
      // What a lost device takes back in the middle of a save is no fault of the disk.
      if (!(error instanceof EngineError) || (await isLost(this.#trainer.device))) throw error;
      this.#failure = error;
      this.#tell(`step ${snapshot.step}  not saved: ${error.message} ${error.hint}`);
    } finally {
      snapshot.release();
    }
  }
}

/** @param tell shows a line to the user while the run goes on */
export async function openSaver(
  trainer: Trainer,
  save: SaveChoice,
  text: TextChoice,
  tell: (line: string) => void,
): Promise<RunSaver> {
  const snapshots = await trainer.snapshots();
  if (snapshots.pauses) tell('The GPU has no room for a copy of the run: each save pauses the training.');
  const describe = () => describeRun(trainer, text.kind === 'builtin' ? text.id : null);
  return new RunSaver(save, snapshots, trainer, describe, tell);
}

/**
 * What is left of a run that cannot go on, in a sentence. A copy in this program's memory is written where nothing is saved.
 * @param copy the newest that there is in memory
 */
export async function whatIsSaved(save: SaveChoice | null, copy: RunFile | null): Promise<string> {
  if (!save) return 'Nothing of the run is saved: --save FILE --save-every N would do that.';
  const there = async () => (await newestSave(save.path).catch(() => null))?.progress.attempted ?? 0;
  let problem = '';
  if (copy && copy.progress.attempted > (await there())) {
    await writePiecesAtomically(save.path, piecesOf(copy.file.source)).catch((cause: EngineError) => {
      problem = `${cause.message} `;
    });
  }
  const step = await there();
  return step > 0
    ? `${problem}The run is saved at step ${step}: --resume "${save.path}" goes on with it.`
    : `${problem}Nothing of the run is saved: --save-every N with fewer steps would do that.`;
}

/** The newest save; null before the first. */
export async function newestSave(path: string): Promise<RunFile | null> {
  const isThere = await stat(path).catch(() => null);
  return isThere && openRun(await fileSource(path));
}

/**
 * Refuses to save over something else before any step is taken.
 * @param resumed path of the run that is gone on with, which may be saved over
 * @throws EngineError SAVE_FAILED when there is a file already that is not that run
 */
export async function checkSavePath(path: string, resumed: string | undefined): Promise<void> {
  const facts = await stat(path).catch(() => null);
  if (!facts) return;
  if (facts.isDirectory()) {
    throw new EngineError(
      'BAD_VALUE',
      `--save "${path}" is a folder.`,
      'Give the path of a file, as in --save run.safetensors.',
    );
  }
  const same = resumed === undefined ? null : await stat(resumed);
  if (facts.ino === same?.ino && facts.dev === same.dev) return;
  const what = await fileSource(path)
    .then(openRun)
    .then(
      ({ progress, description }) => `a run, at step ${progress.attempted} of ${description.config.steps}`,
    )
    .catch(() => 'something else');
  throw new EngineError(
    'BAD_VALUE',
    `--save "${path}" is there already and holds ${what}.`,
    `Give another path${what === 'something else' ? '' : ', or go on with it: --resume'}; or delete it first.`,
  );
}
