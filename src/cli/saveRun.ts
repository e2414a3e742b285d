/** `--save`: saves a run's state to a file at intervals and at its end. */
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

type SavedTrainer = Pick<Trainer, 'config' | 'device' | 'best'>;

/** Saves the snapshots of one run. A save that fails leaves the previous file unchanged. */
export class RunSaver {
  readonly #choice: SaveChoice;
  readonly #snapshots: Snapshots;
  readonly #trainer: SavedTrainer;
  readonly #describe: () => RunDescription;
  readonly #print: (line: string) => void;
  #writing: Promise<void> = Promise.resolve();
  /** Resolves when the last save whose bytes have left the GPU is on the disk, or has failed. */
  #onDisk: Promise<void> = Promise.resolve();
  /** The last step of which a snapshot was started. */
  #newest = -1;
  /** The last evaluation that this snapshot includes. */
  #evaluated = -1;
  #failure: EngineError | null = null;

  /** @param print shows a line to the user during the run */
  constructor(
    choice: SaveChoice,
    snapshots: Snapshots,
    trainer: SavedTrainer,
    describe: () => RunDescription,
    print: (line: string) => void,
  ) {
    this.#choice = choice;
    this.#snapshots = snapshots;
    this.#trainer = trainer;
    this.#describe = describe;
    this.#print = print;
  }

  /**
   * Starts a save if one is due, and after the last step, because exporting or sampling the model may fail. It waits only
   * for the previous save, and for this one if the GPU has no memory for a copy.
   */
  async afterStep(step: number): Promise<void> {
    const { every } = this.#choice;
    const isDue = every > 0 && step % every === 0;
    if (isDue || step === this.#trainer.config.steps) await this.#begin(step);
  }

  /**
   * Saves the final state and waits until it is on the disk.
   * @param step the last step
   * @returns SAVE_FAILED when the newest state could not be written, else null
   */
  async finish(step: number): Promise<EngineError | null> {
    const { evaluatedAt } = this.#trainer.best;
    if (this.#newest !== step || this.#evaluated !== evaluatedAt || this.#failure) await this.#begin(step);
    await this.#writing;
    return this.#failure;
  }

  /** Waits until no file is being written. It does not wait for snapshots, which a lost device never delivers. */
  async settled(): Promise<void> {
    await this.#onDisk;
  }

  async #begin(step: number): Promise<void> {
    await this.#writing;
    this.#newest = step;
    this.#evaluated = this.#trainer.best.evaluatedAt;
    const snapshot = this.#snapshots.take(step);
    this.#writing = snapshot.then((taken) => this.#write(taken));
    // The run itself reports a lost device. If nobody waits for this promise, its failure must not end the process.
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
      // If the device was lost during the save, the error is not a failure to write the file.
      if (!(error instanceof EngineError) || (await isLost(this.#trainer.device))) throw error;
      this.#failure = error;
      this.#print(`step ${snapshot.step}  not saved: ${error.message} ${error.hint}`);
    } finally {
      snapshot.release();
    }
  }
}

/** @param print shows a line to the user during the run */
export async function openSaver(
  trainer: Trainer,
  save: SaveChoice,
  text: TextChoice,
  print: (line: string) => void,
): Promise<RunSaver> {
  const snapshots = await trainer.snapshots();
  if (snapshots.pauses) print('The GPU has no memory for a copy of the run, so each save pauses training.');
  const describe = () => describeRun(trainer, text.kind === 'builtin' ? text.id : null);
  return new RunSaver(save, snapshots, trainer, describe, print);
}

/**
 * Says in a sentence what is saved of a run that cannot continue. A newer copy in memory is written to the file first.
 * @param copy the newest copy in memory
 */
export async function whatIsSaved(save: SaveChoice | null, copy: RunFile | null): Promise<string> {
  if (!save) return 'Nothing of the run was saved; use --save FILE --save-every N to save it.';
  const savedStep = async () => (await newestSave(save.path).catch(() => null))?.progress.attempted ?? 0;
  let problem = '';
  if (copy && copy.progress.attempted > (await savedStep())) {
    await writePiecesAtomically(save.path, piecesOf(copy.file.source)).catch((cause: EngineError) => {
      problem = `${cause.message} `;
    });
  }
  const step = await savedStep();
  return step > 0
    ? `${problem}The run is saved at step ${step}; --resume "${save.path}" resumes it.`
    : `${problem}Nothing of the run was saved; use --save-every N with fewer steps to save it earlier.`;
}

/** Opens the newest save; null before the first. */
export async function newestSave(path: string): Promise<RunFile | null> {
  const isThere = await stat(path).catch(() => null);
  return isThere && openRun(await fileSource(path));
}

/**
 * Refuses, before the first step, to overwrite a file other than the resumed run.
 * @param resumed path of the resumed run, which may be overwritten
 * @throws EngineError BAD_VALUE when there is already another file
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
    .catch(() => null);
  throw new EngineError(
    'BAD_VALUE',
    `--save "${path}" already exists and contains ${what ?? 'something other than a run'}.`,
    `Give another path, ${what ? 'resume the run with --resume, ' : ''}or delete the file first.`,
  );
}
