import {
  createTrainer,
  type Dataset,
  DEFAULT_SAMPLES,
  type DeviceAccess,
  type OpenGpu,
  Recovery,
  RunControl,
  type RunFile,
  readModel,
  type TrainConfig,
} from '../engine/index.ts';
import { type Autosave, nothingSaved, whereSaved } from './autosave.ts';
import { errorReport } from './errorReport.ts';
import { answerExport, notOnGpu, type RunOnGpu } from './exporting.ts';
import { type Opened, OpenFiles } from './files.ts';
import { endedBy, unsupportedReason, workerGpu } from './gpu.ts';
import {
  explainTogether,
  type GroupRun,
  groupRuns,
  type PlannedRun,
  type StartData,
  startRuns,
} from './groups.ts';
import { KeptRuns, restored } from './keptRuns.ts';
import { type ActiveRun, runLanes, SessionLane } from './lanes.ts';
import { Measuring } from './measuring.ts';
import { ModelLoading } from './modelLoading.ts';
import { NumericsSwitch } from './numericsSwitch.ts';
import type { SessionCommand, SessionEvent, TextSource } from './protocol.ts';
import { Sampling } from './sampling.ts';
import { Shelf } from './shelf.ts';
import { TextCheck } from './textCheck.ts';
import { type Start, TextShelf, textFacts, trainingText } from './texts.ts';

type TrainCommand = Extract<SessionCommand, { type: 'train' }>;

/** Owns the GPU and the trainers. One training at a time; the last trainers are kept so that they can write samples. */
export class Session {
  readonly #post: (event: SessionEvent) => void;
  readonly #gpu: DeviceAccess;
  readonly #recovery: Recovery;
  readonly #texts = new TextShelf();
  readonly #files: OpenFiles;
  readonly #loading: ModelLoading;
  readonly #check: TextCheck;
  readonly #sampling: Sampling;
  readonly #numerics: NumericsSwitch;
  readonly #measuring: Measuring;
  readonly #shelf: Shelf;
  readonly #kept = new KeptRuns();
  /** One run, or in lockstep the runs of a seed. */
  #active: ActiveRun[] = [];
  #control: RunControl | null = null;
  #lanes: readonly SessionLane[] = [];
  #autosave: Autosave | null = null;
  /**
   * The check for runs that earlier visits saved, while it runs, before the page has the result; resolves to whether
   * there is an unfinished one.
   */
  #firstReport: Promise<boolean> | null = null;
  /** The error that removed the trained models from the GPU; null where there was none. */
  #gone: unknown = null;
  /** The text of the runs that are on the GPU. */
  #text: TextSource | null = null;
  #stopped = false;
  /** Aborts the reading of the text to train on. */
  #reading: AbortController | null = null;
  /** Trainings that were requested and have not ended. */
  #trainings = 0;
  #training: Promise<void> = Promise.resolve();

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
    this.#files = new OpenFiles(post);
    this.#loading = new ModelLoading(post, this.#files);
    this.#check = new TextCheck(post, this.#texts, this.#files);
    this.#sampling = new Sampling(post);
    this.#numerics = new NumericsSwitch(post);
    this.#shelf = new Shelf(post);
    this.#gpu = workerGpu((cause) => {
      if (this.#trainings > 0) return; // they resume by themselves
      if (this.#active.length > 0) this.#gone = cause;
      this.#active = []; // their buffers were lost with the device; it is reopened when needed
    });
    this.#recovery = new Recovery(this.#gpu);
    this.#measuring = new Measuring(post, this.#gpu, this.#files, (work) => this.#afterTraining(work));
  }

  /** @returns a promise that resolves when the command no longer uses the page's storage; undefined if it never does */
  handle(command: SessionCommand): Promise<void> | undefined {
    switch (command.type) {
      case 'open':
        return this.#open();
      case 'checkText':
      case 'loadText':
      case 'cancelText':
        this.#check.handle(command);
        break;
      case 'openFile':
        void this.#files.open(command);
        break;
      case 'loadModel':
      case 'cancelFile':
        this.#loading.handle(command);
        break;
      case 'export':
        // Queued with the samples, so that the runs stay on the GPU until the export is done.
        return this.#sampling.enqueue(() =>
          answerExport(
            command,
            this.#post,
            this.#gpu,
            (run) => this.#onGpu(run),
            (run) => this.#kept.get(run),
          ),
        );
      case 'train':
        this.#sampling.stop('asked');
        this.#trainings += 1;
        this.#training = this.#training.then(async () => {
          await this.#train(command);
          this.#trainings -= 1;
        });
        return this.#training.then(() => this.#shelf.reported);
      case 'pause':
        this.#control?.pause();
        for (const { batch } of this.#lanes) batch.pause();
        this.#autosave?.request();
        this.#post({ type: 'paused' });
        break;
      case 'resume':
        void this.#resume();
        break;
      case 'stop':
        this.#stopped = true;
        this.#reading?.abort();
        if (command.abandon) this.#control?.abandon();
        else this.#control?.stop();
        this.#sampling.stop('asked', 'live', 'end');
        break;
      case 'save':
        this.#autosave?.request();
        break;
      case 'forgetSave':
        return this.#shelf.forget(command.place);
      case 'sample':
        this.#sampling.ask(() => this.#writers(command.run), command.request);
        break;
      case 'stopSample':
        this.#sampling.stop('asked');
        break;
      case 'numerics':
        this.#numerics.set(command.interval, this.#active, command.noise);
        break;
      case 'inspect':
        // Inspecting runs a forward pass, as sampling does.
        void this.#sampling.enqueue(() =>
          this.#numerics.inspect(command.what, () => this.#writers(command.run)),
        );
        break;
      case 'benchmark':
      case 'confirmBatch':
      case 'measureStep':
      case 'scoreText':
      case 'cancelMeasuring':
        this.#measuring.handle(command);
        break;
    }
    return undefined;
  }

  async #open(): Promise<void> {
    try {
      const { report } = await this.#gpu.open();
      this.#post({ type: 'opened', report });
      this.#firstReport = this.#shelf.report(true);
      await this.#firstReport;
      this.#firstReport = null;
      await this.#shelf.reported;
    } catch (cause) {
      this.#post({ type: 'unsupported', reason: unsupportedReason(cause), error: errorReport(cause) });
    }
  }

  async #train(command: TrainCommand): Promise<void> {
    const { configs, schedule, text } = command;
    this.#stopped = false;
    await this.#sampling.idle;
    this.#release();
    this.#kept.clear();
    try {
      await this.#gpu.open();
      const from = command.from === undefined ? null : this.#files.get(command.from);
      this.#text = text;
      for (const group of groupRuns(configs, schedule)) {
        await this.#control?.whileRunning(); // a pause may arrive while the last run ends
        if (this.#stopped) break;
        await this.#sampling.idle;
        this.#release();
        await this.#trainGroup(group, command, from).finally(() => this.#autosave?.close(false));
      }
      this.#post({ type: 'completed' });
    } catch (cause) {
      for (const { batch } of this.#lanes) batch.flush();
      this.#post(await endedBy(cause, this.#gpu));
    } finally {
      if (this.#autosave || command.resume !== undefined) await this.#shelf.report(false);
      this.#control = null;
      this.#lanes = [];
    }
  }

  /** Trains one run with the GPU to itself, or several in lockstep, on as many devices as losses require. */
  async #trainGroup(group: readonly PlannedRun[], command: TrainCommand, from: Opened | null): Promise<void> {
    const [first] = group;
    if (!first) return;
    const resume = await this.#acquireStorage(command, from);
    const model = from?.kind === 'model' ? from.model : null;
    const start = { resume, model, fill: command.fill };
    const dataset = await this.#readText(command.text, first.config, start);
    if (!dataset) return;
    const autosave = this.#autosave;
    const runs = startRuns(group, this.#post, autosave, resume);
    const control = new RunControl();
    this.#control = control;
    await this.#recovery.run({
      control,
      train: async (gpu) => {
        const weights =
          model && (await readModel({ ...model.shape, heads: first.config.heads }, model.weights));
        await this.#trainOn(gpu, runs, { dataset, weights }, control, command);
      },
      drop: () => this.#drop(runs),
      saved: () => whereSaved(autosave),
    });
    if (command.schedule === 'sequential' && command.configs.length > 1 && !control.abandoned)
      await this.#kept.keep(this.#active, dataset, command.text);
  }

  /** Returns null when the training was stopped meanwhile: reading a large text takes time. */
  async #readText(text: TextSource, config: TrainConfig, start: Start): Promise<Dataset | null> {
    const reading = new AbortController();
    this.#reading = reading;
    if (this.#stopped) reading.abort();
    try {
      return await trainingText(this.#texts, text, config, start, reading.signal);
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
    command: TrainCommand,
  ): Promise<void> {
    const unfinished = runs.filter(({ ended }) => !ended);
    // A stopped run that has taken steps is still evaluated.
    const isCancelled = () =>
      this.#stopped && (control.abandoned || !unfinished.some(({ kept }) => kept.hasBegun));
    for (const planned of unfinished) {
      try {
        await this.#prepare(gpu, planned, data, command.configs.length > 1);
      } catch (cause) {
        const accepted = this.#active.map(({ trainer }) => trainer.memory.total);
        const { vocabulary } = data.dataset.tokenizer;
        throw explainTogether(cause, unfinished, vocabulary, gpu.report.limits, accepted);
      }
      if (isCancelled()) return;
    }
    if (control.paused) this.#post({ type: 'paused' });
    await control.whileRunning(); // a pause may arrive while they are prepared
    if (isCancelled()) return;
    const autosave = this.#autosave;
    const context = {
      post: this.#post,
      autosave,
      numerics: this.#numerics,
      sampling: this.#sampling,
      control,
      samples: command.samples ?? DEFAULT_SAMPLES,
      leader: this.#active[0],
    };
    this.#lanes = this.#active.map((active) => new SessionLane(active, context));
    const [only] = this.#active;
    if (only) await autosave?.begin(only.trainer, command.text, command.autosaveMs!);
    for (const lane of this.#lanes) lane.announce();
    await runLanes(this.#lanes, control);
    await autosave?.close(!control.abandoned);
    if (autosave?.place != null) this.#shelf.end(autosave.place, control.abandoned);
    for (const lane of this.#lanes) await lane.writeLast();
  }

  /** Called when the device of these runs is lost. */
  #drop(runs: readonly GroupRun[]): void {
    for (const { run, kept, batch, ended } of runs) {
      kept.detach();
      batch.flush();
      if (!ended) this.#post({ type: 'preparing', run, compiled: 0, total: 0 });
    }
    this.#autosave?.drop();
    this.#release();
  }

  /** Acquires the storage for a single run. @returns the saved run to continue, from the storage or a file */
  async #acquireStorage(
    { configs, autosaveMs, resume }: TrainCommand,
    from: Opened | null,
  ): Promise<RunFile | undefined> {
    const alone = configs.length === 1 && autosaveMs;
    // A save that the page did not know of when it sent the command must not be overwritten.
    this.#autosave =
      alone && !(await this.#firstReport) ? await this.#shelf.acquire(0, resume ?? null) : null;
    if (from?.kind === 'run') return from.run;
    if (resume === undefined) return undefined;
    const saved = await this.#autosave?.saved();
    if (!saved) throw nothingSaved();
    return saved;
  }

  async #prepare(
    gpu: OpenGpu,
    planned: GroupRun,
    { dataset, weights }: StartData,
    compared: boolean,
  ): Promise<void> {
    const { run, config, kept } = planned;
    this.#post({ type: 'preparing', run, compiled: 0, total: 0 });
    const trainer = await kept.make(config, (trained, options) =>
      createTrainer(gpu.device, gpu.report, trained, dataset, {
        onProgress: (compiled, total) => this.#post({ type: 'preparing', run, compiled, total }),
        initialValues: weights ? (name) => weights.get(name)! : undefined,
        ...options,
      }),
    );
    const { submittedSteps: step, lastLoss: loss } = trainer;
    const stop = dataset.tokenizer.ends;
    this.#active.push({ run, config, planned, trainer, facts: textFacts(dataset), stop, step, loss });
    await this.#numerics.prepare(trainer, compared);
  }

  async #resume(): Promise<void> {
    this.#sampling.stop('asked');
    await this.#sampling.idle; // otherwise training and sampling would take turns, and each would look slow
    for (const { batch } of this.#lanes) batch.resume();
    this.#control?.resume();
    this.#post({ type: 'resumed' });
  }

  /** The run to sample or inspect, which may have left the GPU for others, or all that are on it. */
  async #writers(run: number | undefined): Promise<readonly ActiveRun[]> {
    if (run === undefined) return this.#models();
    if (!this.#active.some((active) => active.run === run)) {
      const kept = this.#kept.get(run);
      if (!kept || this.#trainings > 0) throw this.#gone ?? notOnGpu();
      const gpu = await this.#gpu.open();
      this.#release();
      this.#active = [await restored(kept, gpu)];
    }
    return this.#active.filter((active) => active.run === run);
  }

  #onGpu(run: number): RunOnGpu | null {
    const active = this.#models().find((model) => model.run === run);
    const text = this.#text;
    if (!active || !text) return null;
    const idle = this.#control === null || this.#control.paused || active.planned.ended;
    return { trainer: active.trainer, text, idle, saved: this.#autosave !== null };
  }

  /** @returns false while a run is training; a training requested meanwhile waits for the end of `work` */
  #afterTraining(work: () => Promise<void>): boolean {
    if (this.#trainings > 0) return false;
    this.#training = this.#training.then(async () => {
      await this.#sampling.idle;
      await work();
    });
    return true;
  }

  /** The runs that are on the GPU. @throws the error that removed them from it */
  #models(): readonly ActiveRun[] {
    if (this.#gone) throw this.#gone;
    return this.#active;
  }

  #release(): void {
    for (const { trainer } of this.#active) trainer.destroy();
    this.#active = [];
    this.#gone = null;
  }
}
