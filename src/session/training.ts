import {
  createTrainer,
  type Dataset,
  DEFAULT_SAMPLES,
  type DeviceAccess,
  type OpenGpu,
  type Recovery,
  RunControl,
  type RunFile,
  readModel,
  type TrainConfig,
} from '../engine/index.ts';
import { type Autosave, nothingSaved, whereSaved } from './autosave.ts';
import type { Opened, OpenFiles } from './files.ts';
import { endedBy } from './gpu.ts';
import type { GpuRuns } from './gpuRuns.ts';
import {
  explainTogether,
  type GroupRun,
  groupRuns,
  type PlannedRun,
  type StartData,
  startRuns,
} from './groups.ts';
import { runLanes, SessionLane } from './lanes.ts';
import type { NumericsSwitch } from './numericsSwitch.ts';
import type { SessionCommand, SessionEvent } from './protocol.ts';
import type { Sampling } from './sampling.ts';
import type { Shelf } from './shelf.ts';
import { type Start, type TextShelf, textFacts, trainingText } from './texts.ts';

export type TrainCommand = Extract<SessionCommand, { type: 'train' }>;

/** What every training of the session uses. */
export interface TrainingContext {
  readonly post: (event: SessionEvent) => void;
  readonly gpu: DeviceAccess;
  readonly recovery: Recovery;
  readonly files: OpenFiles;
  readonly texts: TextShelf;
  readonly shelf: Shelf;
  readonly sampling: Sampling;
  readonly numerics: NumericsSwitch;
  readonly runs: GpuRuns;
}

/** Trains the runs of one `train` command: each group of them from its text to its last sample. */
export class Training {
  readonly #command: TrainCommand;
  readonly #context: TrainingContext;
  /** Of the current group; null before the first, and at the end. */
  #control: RunControl | null = null;
  #lanes: readonly SessionLane[] = [];
  #autosave: Autosave | null = null;
  #stopped = false;
  /** Aborts the reading of the text to train on. */
  #reading: AbortController | null = null;

  constructor(command: TrainCommand, context: TrainingContext) {
    this.#command = command;
    this.#context = context;
  }

  /** Whether steps are taken, or prepared: it has neither ended nor is paused. */
  get isStepping(): boolean {
    return this.#control !== null && !this.#control.paused;
  }

  /** Whether its run is saved, so that the GPU may have room for a copy. */
  get isSaved(): boolean {
    return this.#autosave !== null;
  }

  pause(): void {
    this.#control?.pause();
    for (const { batch } of this.#lanes) batch.pause();
    this.save();
  }

  resume(): void {
    for (const { batch } of this.#lanes) batch.resume();
    this.#control?.resume();
  }

  stop(abandon: boolean): void {
    this.#stopped = true;
    this.#reading?.abort();
    if (abandon) this.#control?.abandon();
    else this.#control?.stop();
  }

  save(): void {
    this.#autosave?.request();
  }

  /** Trains the runs, and reports how the training ended. */
  async run(): Promise<void> {
    const { configs, schedule, from, resume } = this.#command;
    const { post, gpu, files, sampling, shelf, runs } = this.#context;
    await sampling.idle;
    runs.clear();
    try {
      await gpu.open();
      const opened = from === undefined ? null : files.get(from);
      for (const group of groupRuns(configs, schedule)) {
        await this.#control?.whileRunning(); // a pause may arrive while the last run ends
        if (this.#stopped) break;
        await sampling.idle;
        runs.release();
        await this.#trainGroup(group, opened).finally(() => this.#autosave?.close(false));
      }
      post({ type: 'completed' });
    } catch (cause) {
      for (const { batch } of this.#lanes) batch.flush();
      post(await endedBy(cause, gpu));
    } finally {
      if (this.#autosave || resume !== undefined) await shelf.report(false);
      this.#control = null;
      this.#lanes = [];
    }
  }

  /** Trains one run with the GPU to itself, or several in lockstep, on as many devices as losses require. */
  async #trainGroup(group: readonly PlannedRun[], from: Opened | null): Promise<void> {
    const { configs, schedule, fill } = this.#command;
    const { post, recovery, runs: onGpu } = this.#context;
    const [first] = group;
    if (!first) return;
    const resume = await this.#acquireStorage(from);
    const model = from?.kind === 'model' ? from.model : null;
    const dataset = await this.#readText(first.config, { resume, model, fill });
    if (!dataset) return;
    const autosave = this.#autosave;
    const runs = startRuns(group, post, autosave, resume);
    const control = new RunControl();
    this.#control = control;
    await recovery.run({
      control,
      train: async (gpu) => {
        const weights =
          model && (await readModel({ ...model.shape, heads: first.config.heads }, model.weights));
        await this.#trainOn(gpu, runs, { dataset, weights }, control);
      },
      drop: () => this.#drop(runs),
      saved: () => whereSaved(autosave),
    });
    if (schedule === 'sequential' && configs.length > 1 && !control.abandoned) await onGpu.keep(dataset);
  }

  /** Acquires the storage for a single run. @returns the saved run to continue, from the storage or a file */
  async #acquireStorage(from: Opened | null): Promise<RunFile | undefined> {
    const { configs, autosaveMs, resume } = this.#command;
    const { shelf } = this.#context;
    const alone = configs.length === 1 && autosaveMs;
    // A save that the page did not know of when it sent the command must not be overwritten.
    this.#autosave = alone && !(await shelf.unreported) ? await shelf.acquire(0, resume ?? null) : null;
    if (from?.kind === 'run') return from.run;
    if (resume === undefined) return undefined;
    const saved = await this.#autosave?.saved();
    if (!saved) throw nothingSaved();
    return saved;
  }

  /** Returns null when the training was stopped meanwhile: reading a large text takes time. */
  async #readText(config: TrainConfig, start: Start): Promise<Dataset | null> {
    const reading = new AbortController();
    this.#reading = reading;
    if (this.#stopped) reading.abort();
    try {
      return await trainingText(this.#context.texts, this.#command.text, config, start, reading.signal);
    } catch (cause) {
      if (reading.signal.aborted) return null;
      throw cause;
    } finally {
      this.#reading = null;
    }
  }

  /** Trains the runs that have not ended, from their newest state. */
  async #trainOn(
    gpu: OpenGpu,
    runs: readonly GroupRun[],
    data: StartData,
    control: RunControl,
  ): Promise<void> {
    const { text, samples = DEFAULT_SAMPLES, autosaveMs } = this.#command;
    const { post, numerics, sampling, shelf, runs: onGpu } = this.#context;
    const unfinished = runs.filter(({ ended }) => !ended);
    // A stopped run that has taken steps is still evaluated.
    const isCancelled = () =>
      this.#stopped && (control.abandoned || !unfinished.some(({ kept }) => kept.hasBegun));
    for (const planned of unfinished) {
      try {
        await this.#prepare(gpu, planned, data);
      } catch (cause) {
        const accepted = onGpu.active.map(({ trainer }) => trainer.memory.total);
        const { vocabulary } = data.dataset.tokenizer;
        throw explainTogether(cause, unfinished, vocabulary, gpu.report.limits, accepted);
      }
      if (isCancelled()) return;
    }
    if (control.paused) post({ type: 'paused' });
    await control.whileRunning(); // a pause may arrive while they are prepared
    if (isCancelled()) return;
    const autosave = this.#autosave;
    const [leader] = onGpu.active;
    const context = { post, autosave, numerics, sampling, control, samples, leader };
    this.#lanes = onGpu.active.map((active) => new SessionLane(active, context));
    if (leader) await autosave?.begin(leader.trainer, text, autosaveMs!);
    for (const lane of this.#lanes) lane.announce();
    await runLanes(this.#lanes, control);
    await autosave?.close(!control.abandoned);
    if (autosave?.place != null) shelf.end(autosave.place, control.abandoned);
    for (const lane of this.#lanes) await lane.writeLast();
  }

  async #prepare(gpu: OpenGpu, planned: GroupRun, { dataset, weights }: StartData): Promise<void> {
    const { configs, text } = this.#command;
    const { post, numerics, runs } = this.#context;
    const { run, config, kept } = planned;
    post({ type: 'preparing', run, compiled: 0, total: 0 });
    const trainer = await kept.make(config, (trained, options) =>
      createTrainer(gpu.device, gpu.report, trained, dataset, {
        onProgress: (compiled, total) => post({ type: 'preparing', run, compiled, total }),
        initialValues: weights ? (name) => weights.get(name)! : undefined,
        ...options,
      }),
    );
    const { submittedSteps: step, lastLoss: loss } = trainer;
    const stop = dataset.tokenizer.ends;
    runs.add({ run, config, planned, trainer, text, facts: textFacts(dataset), stop, step, loss });
    await numerics.prepare(trainer, configs.length > 1);
  }

  /** Called when the device of these runs is lost. */
  #drop(runs: readonly GroupRun[]): void {
    const { post, runs: onGpu } = this.#context;
    for (const { run, kept, batch, ended } of runs) {
      kept.detach();
      batch.flush();
      if (!ended) post({ type: 'preparing', run, compiled: 0, total: 0 });
    }
    this.#autosave?.drop();
    onGpu.release();
  }
}
