/** What of a run outlives its device: its newest state, what was chosen for it, and what was told of it. */
import { blobOf } from '../checkpoint/blobParts.ts';
import { blobSource } from '../checkpoint/randomAccess.ts';
import {
  type ComputedBy,
  type ComputedSoFar,
  changesBetween,
  changesEffect,
  changesText,
  computedBy,
} from '../checkpoint/runChanges.ts';
import { describeRun, openRun, type RunFile, writeRun } from '../checkpoint/runFile.ts';
import { Snapshots } from '../checkpoint/snapshot.ts';
import { microBatchesPerStep, microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import type { TextId } from '../data/builtins.ts';
import { SUBMIT_MS } from '../gpu/submitPace.ts';
import type { SharpnessMetrics } from '../inspect/sharpness.ts';
import type { TrainerOptions } from './createTrainer.ts';
import { type Due, NEVER, type Told } from './due.ts';
import type { EvalMetrics, StepMetrics } from './metrics.ts';
import { smallerMicroBatches } from './refusedMemory.ts';
import type { RunWarning } from './runWarning.ts';
import type { RunEvents } from './steppedRun.ts';
import type { Trainer } from './trainer.ts';

/** Between two copies of a run that is not saved, and by default between two saves of one that is. */
export const KEEP_EVERY_MS = 60_000;

export interface KeptRunOptions {
  /** The saved run that this one goes on with. */
  readonly start?: RunFile | undefined;
  /** What is known to have been told of that run. */
  readonly told?: Told | undefined;
  /** The newest save of this run; null before the first. A run that has none is copied to the host's memory instead. */
  readonly stored?: (() => Promise<RunFile | null>) | undefined;
  /** Of its text, where that is one of the built-in ones, for its copies. */
  readonly builtin?: TextId | null;
  /** Milliseconds between two copies. */
  readonly everyMs?: number;
  /** Whether the micro-batches of accumulated steps may become smaller where the GPU refuses their memory. */
  readonly shrinks?: boolean;
}

export interface KeptEvents extends RunEvents {
  /** In place of `onStep` for a step that was told before its device was lost. */
  onRepeated?(metrics: StepMetrics): void;
}

export class ResumableRun {
  readonly #start: RunFile | null;
  readonly #stored: (() => Promise<RunFile | null>) | undefined;
  readonly #builtin: TextId | null;
  readonly #everyMs: number;
  /** In the host's memory, or where the browser puts it. */
  #copy: RunFile | null = null;
  #copiedAt = 0;
  /** By which it was trained up to now: another device is held to its kernels. */
  #before: ComputedSoFar | undefined;
  #submitMs: number | undefined;
  readonly #shrinks: boolean;
  /** What it is trained with, which for want of memory may have smaller micro-batches than was asked for. */
  #config: TrainConfig | null = null;
  #shrunk: RunWarning | null = null;
  /** Whose events are told. */
  #trainer: Trainer | null = null;
  #onStep: (metrics: StepMetrics) => void = () => {};
  /** The last step that was told. */
  #told = 0;
  readonly #toldOf: Record<Due, number>;
  #repeats = false;

  constructor({
    start,
    told,
    stored,
    builtin = null,
    everyMs = KEEP_EVERY_MS,
    shrinks = true,
  }: KeptRunOptions = {}) {
    this.#toldOf = { evaluation: NEVER, sharpness: NEVER, rest: NEVER, ...told };
    this.#shrinks = shrinks;
    this.#start = start ?? null;
    this.#stored = stored;
    this.#builtin = builtin;
    this.#everyMs = everyMs;
  }

  /** Steps of it were told. */
  get hasBegun(): boolean {
    return this.#told > 0;
  }

  /** The newest copy in the host's memory; null before the first, and of a run that is saved. */
  get copy(): RunFile | null {
    return this.#copy;
  }

  /** The newest state that is not on the device: saved, copied, or what the run began with. Undefined for its seed. */
  async newest(): Promise<RunFile | undefined> {
    const stored = (await this.#stored?.().catch(() => null)) ?? null;
    let newest: RunFile | undefined;
    for (const run of [this.#start, this.#copy, stored]) {
      if (run && run.progress.attempted >= (newest?.progress.attempted ?? 0)) newest = run;
    }
    return newest;
  }

  /**
   * Makes a trainer for this run, on whatever device. Where the GPU refuses the memory of accumulated steps, they are taken in
   * smaller micro-batches, which is told as a trouble.
   * @param asked the configuration, as it was asked for
   * @throws what `create` throws
   */
  async make(
    asked: TrainConfig,
    create: (config: TrainConfig, options: TrainerOptions) => Promise<Trainer>,
  ): Promise<Trainer> {
    for (;;) {
      const config = this.#config ?? asked;
      try {
        return await create(config, await this.#options());
      } catch (error) {
        const smaller = this.#shrinks && asked.accumulation > 1 && smallerMicroBatches(config, error);
        if (!smaller) throw error;
        this.#config = smaller;
        this.#shrunk = shrinkNote(asked, smaller, this.#told);
      }
    }
  }

  async #options(): Promise<Pick<TrainerOptions, 'resume' | 'before' | 'submitMs'>> {
    return { resume: await this.newest(), before: this.#before, submitMs: this.#submitMs };
  }

  /**
   * The run is trained by `trainer` from now on. After a loss this is told as a trouble, and so are the changes of a saved run.
   * @returns the events to train it with: each is told once, however often a step is computed
   */
  attach<E extends KeptEvents>(trainer: Trainer, events: E): E {
    const note = this.#before ? this.#lossNote(trainer, this.#before) : changesNote(trainer);
    this.#trainer = trainer;
    this.#before = { ...computedBy(trainer), changes: trainer.changes };
    this.#told = Math.max(this.#told, trainer.submittedSteps);
    this.#copiedAt = performance.now();
    if (note) events.onTrouble?.(note);
    if (this.#shrunk) events.onTrouble?.(this.#shrunk);
    this.#shrunk = null;
    const isCurrent = () => this.#trainer === trainer;
    this.#onStep = (metrics) => {
      this.#repeats = metrics.step <= this.#told;
      if (this.#repeats) {
        events.onRepeated?.(metrics);
      } else {
        this.#told = metrics.step;
        events.onStep(metrics);
      }
    };
    return {
      ...events,
      onStep: (metrics: StepMetrics) => {
        if (isCurrent()) this.#onStep(metrics);
      },
      told: this.#toldOf,
      onEval: (metrics: EvalMetrics) => {
        if (isCurrent() && this.#isNews('evaluation', metrics)) events.onEval(metrics);
      },
      onSharpness: (metrics: SharpnessMetrics) => {
        if (isCurrent() && this.#isNews('sharpness', metrics)) events.onSharpness?.(metrics);
      },
      onTrouble: (trouble: RunWarning) => {
        if (isCurrent() && !this.#repeats) events.onTrouble?.(trouble);
      },
      afterStep: async (step: number) => {
        if (!isCurrent()) return;
        await this.#copyWhereDue(trainer);
        await events.afterStep?.(step);
      },
      ...(events.rests && {
        rests: {
          after: events.rests.after,
          take: async (step: number) => {
            if (!isCurrent() || step <= this.#toldOf.rest) return;
            await events.rests?.take(step);
            this.#toldOf.rest = step;
          },
        },
      }),
    };
  }

  /** The device is lost: what arrived before is told, as a save may be behind it, and nothing that the trainer still says. */
  detach(): void {
    for (const metrics of this.#trainer?.takeMetrics() ?? []) this.#onStep(metrics);
    this.#submitMs = this.#trainer?.pace.nextTargetMs ?? this.#submitMs;
    this.#trainer = null;
  }

  #isNews(due: Due, { step }: { readonly step: number }): boolean {
    const isNews = step > this.#toldOf[due];
    if (isNews) this.#toldOf[due] = step;
    return isNews;
  }

  #lossNote(trainer: Trainer, before: ComputedBy): RunWarning {
    const from = trainer.submittedSteps;
    const after = this.#told > 0 ? `after step ${this.#told}` : 'before the first step';
    const goesOn = from > 0 ? `goes on from step ${from}` : 'begins again from its seed';
    const { targetMs } = trainer.pace;
    const shorter =
      targetMs < SUBMIT_MS ? ` Its work is now handed over in parts of ${targetMs} ms at most.` : '';
    const [first, last] = [from + 1, this.#told];
    const changes = changesBetween(before, computedBy(trainer), first);
    const again = 'computed again, with identical results, and counted once';
    const repeated =
      first > last
        ? 'Nothing is lost.'
        : first === last
          ? `Step ${last} is ${again}.`
          : `Steps ${first} to ${last} are ${again}.`;
    return {
      kind: 'deviceLost',
      step: this.#told,
      message: `The GPU was lost ${after}. Training ${goesOn} by itself.`,
      hint: `${changes.length === 0 ? repeated : `${changesText(changes)} ${changesEffect(changes)}`}${shorter}`,
    };
  }

  /** Training waits for it: a copy on the GPU, beside which it could go on, is not in the plan of a run that is not saved. */
  async #copyWhereDue(trainer: Trainer): Promise<void> {
    if (this.#stored || performance.now() - this.#copiedAt < this.#everyMs) return;
    // Without memory for it the copy before is kept; a device that is lost meanwhile is told by the run itself.
    this.#copy = await copyOf(trainer, this.#builtin).catch(() => this.#copy);
    this.#copiedAt = performance.now();
  }
}

function changesNote({ changes, submittedSteps: step }: Trainer): RunWarning | null {
  if (changes.length === 0) return null;
  return { kind: 'changed', step, message: changesText(changes), hint: changesEffect(changes) };
}

function shrinkNote(asked: TrainConfig, taken: TrainConfig, step: number): RunWarning {
  const cut = (config: TrainConfig) => `${microBatchesPerStep(config)} of ${microBatchOf(config)}`;
  return {
    kind: 'smallerBatch',
    step,
    message: `The GPU has no room for micro-batches of ${microBatchOf(asked)}: each step is taken in ${cut(taken)} instead of ${cut(asked)}.`,
    hint: 'Steps and evaluations see the same tokens. Gradients are summed in another order: the last bits may differ from those of a GPU with more memory.',
  };
}

async function copyOf(trainer: Trainer, builtin: TextId | null): Promise<RunFile> {
  const { device, arena, plan, submittedSteps } = trainer;
  const snapshot = await Snapshots.unstaged(device, arena, plan.tensors).take(submittedSteps);
  try {
    const blob = await blobOf(writeRun(snapshot, describeRun(trainer, builtin)));
    return await openRun(blobSource('the copy in memory', blob));
  } finally {
    snapshot.release();
  }
}
