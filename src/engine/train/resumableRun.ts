/** Run state that survives a lost device: newest snapshot, kernel choices, last reported step. */
import { blobOf } from '../checkpoint/blobParts.ts';
import { openRun } from '../checkpoint/openRun.ts';
import { blobSource } from '../checkpoint/randomAccess.ts';
import {
  changesBetween,
  changesEffect,
  changesText,
  conditionsOf,
  type RecordedConditions,
  type RunConditions,
} from '../checkpoint/runChanges.ts';
import { describeRun, type RunFile, writeRun } from '../checkpoint/runFile.ts';
import { Snapshots } from '../checkpoint/snapshot.ts';
import { microBatchesPerStep, microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import type { TextId } from '../data/builtins.ts';
import { SUBMIT_MS } from '../gpu/submitPace.ts';
import type { SharpnessMetrics } from '../inspect/sharpness.ts';
import type { TrainerOptions } from './createTrainer.ts';
import { type Due, NEVER, type Reported } from './due.ts';
import type { EvalMetrics, StepMetrics } from './metrics.ts';
import { smallerMicroBatches } from './refusedMemory.ts';
import type { RunWarning } from './runWarning.ts';
import type { RunEvents } from './steppedRun.ts';
import type { Trainer } from './trainer.ts';

/** Interval between copies of a run that is not saved, and the default interval between saves of one that is. */
export const KEEP_EVERY_MS = 60_000;

export interface ResumableRunOptions {
  /** The saved run that this one resumes. */
  readonly start?: RunFile | undefined;
  /** What was already reported of that run. */
  readonly reported?: Reported | undefined;
  /** Returns the newest save of this run; null before the first. Without it the run is copied to CPU memory instead. */
  readonly stored?: (() => Promise<RunFile | null>) | undefined;
  /** The id of its text if that is a built-in one; copies include it. */
  readonly builtin?: TextId | null;
  /** Milliseconds between copies. */
  readonly everyMs?: number;
  /** Whether the micro-batches of accumulated steps may be made smaller when the GPU cannot allocate them. */
  readonly shrinks?: boolean;
}

export interface ResumableRunEvents extends RunEvents {
  /** Called instead of `onStep` for a step that was reported before the device was lost. */
  onRepeated?(metrics: StepMetrics): void;
}

export class ResumableRun {
  readonly #start: RunFile | null;
  readonly #stored: (() => Promise<RunFile | null>) | undefined;
  readonly #builtin: TextId | null;
  readonly #everyMs: number;
  /** A copy in CPU memory, or on disk if the browser keeps Blobs there. */
  #copy: RunFile | null = null;
  #copiedAt = 0;
  /** The conditions up to now. A new device of the same adapter uses the same kernels. */
  #before: RecordedConditions | undefined;
  #submitMs: number | undefined;
  readonly #shrinks: boolean;
  /** The configuration in use, which may have smaller micro-batches than the one asked for; null until then. */
  #config: TrainConfig | null = null;
  #shrunk: RunWarning | null = null;
  /** The trainer whose events are reported; null while there is no device. */
  #trainer: Trainer | null = null;
  #onStep: (metrics: StepMetrics) => void = () => {};
  /** The last step that was reported. */
  #reportedStep = 0;
  readonly #reported: Record<Due, number>;
  #repeats = false;

  constructor({
    start,
    reported,
    stored,
    builtin = null,
    everyMs = KEEP_EVERY_MS,
    shrinks = true,
  }: ResumableRunOptions = {}) {
    this.#reported = { evaluation: NEVER, sharpness: NEVER, pause: NEVER, ...reported };
    this.#shrinks = shrinks;
    this.#start = start ?? null;
    this.#stored = stored;
    this.#builtin = builtin;
    this.#everyMs = everyMs;
  }

  /** Whether any step was reported. */
  get hasBegun(): boolean {
    return this.#reportedStep > 0;
  }

  /** The newest copy in CPU memory; null before the first, and for runs that are saved. */
  get copy(): RunFile | null {
    return this.#copy;
  }

  /** The newest state outside the device: saved, copied, or the run's start; undefined when it started from its seed. */
  async newest(): Promise<RunFile | undefined> {
    const stored = (await this.#stored?.().catch(() => null)) ?? null;
    let newest: RunFile | undefined;
    for (const run of [this.#start, this.#copy, stored]) {
      if (run && run.progress.attempted >= (newest?.progress.attempted ?? 0)) newest = run;
    }
    return newest;
  }

  /**
   * Creates a trainer for this run. When the GPU cannot allocate the micro-batches of accumulated steps, smaller ones are
   * used, which is reported as a warning.
   * @param asked the configuration that the user asked for
   * @throws the errors of `create`
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
        this.#shrunk = shrinkNote(asked, smaller, this.#reportedStep);
      }
    }
  }

  async #options(): Promise<Pick<TrainerOptions, 'resume' | 'before' | 'submitMs'>> {
    return { resume: await this.newest(), before: this.#before, submitMs: this.#submitMs };
  }

  /**
   * Makes `trainer` the one that trains this run. After a lost device this is reported as a warning, and so are the changes
   * of a saved run.
   * @returns the events to pass to training, which report each step once even if it is computed again
   */
  attach<E extends ResumableRunEvents>(trainer: Trainer, events: E): E {
    const note = this.#before ? this.#lossNote(trainer, this.#before) : changesNote(trainer);
    this.#trainer = trainer;
    this.#before = { ...conditionsOf(trainer), changes: trainer.changes };
    this.#reportedStep = Math.max(this.#reportedStep, trainer.submittedSteps);
    this.#copiedAt = performance.now();
    if (note) events.onWarning?.(note);
    if (this.#shrunk) events.onWarning?.(this.#shrunk);
    this.#shrunk = null;
    const isCurrent = () => this.#trainer === trainer;
    this.#onStep = (metrics) => {
      this.#repeats = metrics.step <= this.#reportedStep;
      if (this.#repeats) {
        events.onRepeated?.(metrics);
      } else {
        this.#reportedStep = metrics.step;
        events.onStep(metrics);
      }
    };
    return {
      ...events,
      onStep: (metrics: StepMetrics) => {
        if (isCurrent()) this.#onStep(metrics);
      },
      reported: this.#reported,
      onEval: (metrics: EvalMetrics) => {
        if (isCurrent() && this.#isNew('evaluation', metrics)) events.onEval(metrics);
      },
      onSharpness: (metrics: SharpnessMetrics) => {
        if (isCurrent() && this.#isNew('sharpness', metrics)) events.onSharpness?.(metrics);
      },
      onWarning: (warning: RunWarning) => {
        if (isCurrent() && !this.#repeats) events.onWarning?.(warning);
      },
      afterStep: async (step: number) => {
        if (!isCurrent()) return;
        await this.#copyIfDue(trainer);
        await events.afterStep?.(step);
      },
      ...(events.pauses && {
        pauses: {
          after: events.pauses.after,
          take: async (step: number) => {
            if (!isCurrent() || step <= this.#reported.pause) return;
            await events.pauses?.take(step);
            this.#reported.pause = step;
          },
        },
      }),
    };
  }

  /**
   * Called when the device is lost. Metrics that have arrived are still reported, because a save may contain later steps;
   * further events of the trainer are ignored.
   */
  detach(): void {
    for (const metrics of this.#trainer?.takeMetrics() ?? []) this.#onStep(metrics);
    this.#submitMs = this.#trainer?.pace.nextTargetMs ?? this.#submitMs;
    this.#trainer = null;
  }

  #isNew(due: Due, { step }: { readonly step: number }): boolean {
    const isNew = step > this.#reported[due];
    if (isNew) this.#reported[due] = step;
    return isNew;
  }

  #lossNote(trainer: Trainer, before: RunConditions): RunWarning {
    const from = trainer.submittedSteps;
    const after = this.#reportedStep > 0 ? `after step ${this.#reportedStep}` : 'before the first step';
    const resumes = from > 0 ? `resumes from step ${from}` : 'restarts from its seed';
    const { targetMs } = trainer.pace;
    const shorter =
      targetMs < SUBMIT_MS ? ` Work is submitted in parts of at most ${targetMs} ms from here on.` : '';
    const [first, last] = [from + 1, this.#reportedStep];
    const changes = changesBetween(before, conditionsOf(trainer), first);
    const again = 'computed again, with identical results, and counted once';
    const repeated =
      first > last
        ? 'Nothing is lost.'
        : first === last
          ? `Step ${last} is ${again}.`
          : `Steps ${first} to ${last} are ${again}.`;
    return {
      kind: 'deviceLost',
      step: this.#reportedStep,
      message: `The GPU was lost ${after}. Training ${resumes} automatically.`,
      hint: `${changes.length === 0 ? repeated : `${changesText(changes)} ${changesEffect(changes)}`}${shorter}`,
    };
  }

  /** Training waits for the copy, because the memory plan of an unsaved run has no staging buffers. */
  async #copyIfDue(trainer: Trainer): Promise<void> {
    if (this.#stored || performance.now() - this.#copiedAt < this.#everyMs) return;
    // If the copy fails, the previous one is kept. A lost device is reported by the run itself.
    this.#copy = await copyOf(trainer, this.#builtin).catch(() => this.#copy);
    this.#copiedAt = performance.now();
  }
}

function changesNote({ changes, submittedSteps: step }: Trainer): RunWarning | null {
  if (changes.length === 0) return null;
  return { kind: 'changed', step, message: changesText(changes), hint: changesEffect(changes) };
}

function shrinkNote(asked: TrainConfig, taken: TrainConfig, step: number): RunWarning {
  const split = (config: TrainConfig) => `${microBatchesPerStep(config)} of ${microBatchOf(config)}`;
  return {
    kind: 'smallerBatch',
    step,
    message: `The GPU has too little memory for micro-batches of ${microBatchOf(asked)}: each step runs in ${split(taken)} instead of ${split(asked)}.`,
    hint: 'Steps and evaluations see the same tokens. Gradients are summed in another order, so the last bits may differ from those of a GPU with more memory.',
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
