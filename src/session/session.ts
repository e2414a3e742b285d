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
import { answerExport, type RunOnGpu } from './exporting.ts';
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
import { type ActiveRun, runLanes, SessionLane } from './lanes.ts';
import { Measuring } from './measuring.ts';
import { NumericsSwitch } from './numericsSwitch.ts';
import type { SessionCommand, SessionEvent, TextSource } from './protocol.ts';
import { Sampling } from './sampling.ts';
import { Shelf } from './shelf.ts';
import { TextCheck } from './textCheck.ts';
import { type Start, TextShelf, textFacts, trainingText } from './texts.ts';

type TrainCommand = Extract<SessionCommand, { type: 'train' }>;

/** Owns the GPU and the trainers. One training at a time; the last trainers stay so that they can be sampled from. */
export class Session {
  readonly #post: (event: SessionEvent) => void;
  readonly #gpu: DeviceAccess;
  readonly #recovery: Recovery;
  readonly #texts = new TextShelf();
  readonly #files: OpenFiles;
  readonly #check: TextCheck;
  readonly #sampling: Sampling;
  readonly #numerics: NumericsSwitch;
  readonly #measuring: Measuring;
  readonly #shelf: Shelf;
  /** One run, or in lockstep those of a seed. */
  #active: ActiveRun[] = [];
  #control: RunControl | null = null;
  #lanes: readonly SessionLane[] = [];
  #autosave: Autosave | null = null;
  /** What an earlier visit has left is looked for, and the page does not know of it; whether there is something. */
  #look: Promise<boolean> | null = null;
  /** What took the trained models from the GPU; null where nothing did. */
  #gone: unknown = null;
  /** Of the runs that are on the GPU. */
  #text: TextSource | null = null;
  #stopped = false;
  /** Ends the reading of the text that is to be trained on. */
  #reading: AbortController | null = null;
  /** Trainings that were asked for and have not ended. */
  #trainings = 0;
  #training: Promise<void> = Promise.resolve();

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
    this.#files = new OpenFiles(post);
    this.#check = new TextCheck(post, this.#texts, this.#files);
    this.#sampling = new Sampling(post);
    this.#numerics = new NumericsSwitch(post);
    this.#shelf = new Shelf(post);
    this.#gpu = workerGpu((cause) => {
      if (this.#trainings > 0) return; // they go on by themselves
      if (this.#active.length > 0) this.#gone = cause;
      this.#active = []; // their buffers went with the device, which is opened anew when it is needed
    });
    this.#recovery = new Recovery(this.#gpu);
    this.#measuring = new Measuring(post, this.#gpu, (work) => this.#afterTraining(work));
  }

  /** @returns resolves when the page's storage is used for this no longer; undefined where it never is */
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
      case 'export':
        // The runs stay on the GPU until it is done.
        return this.#sampling.enqueue(() =>
          answerExport(command, this.#post, this.#gpu, (run) => this.#onGpu(run)),
        );
      case 'train':
        this.#sampling.stop('asked');
        this.#trainings += 1;
        this.#training = this.#training.then(async () => {
          await this.#train(command);
          this.#trainings -= 1;
        });
        return this.#training.then(() => this.#shelf.told);
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
        this.#sampling.ask(() => this.#models(), command.request);
        break;
      case 'stopSample':
        this.#sampling.stop('asked');
        break;
      case 'numerics':
        this.#numerics.set(command.interval, this.#active);
        break;
      case 'inspect':
        // A forward pass, like a sample's.
        void this.#sampling.enqueue(() => this.#numerics.inspect(command.what, () => this.#models()));
        break;
      case 'benchmark':
      case 'confirmBatch':
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
      this.#look = this.#shelf.tell(true);
      await this.#look;
      this.#look = null;
      await this.#shelf.told;
    } catch (cause) {
      this.#post({ type: 'unsupported', reason: unsupportedReason(cause), error: errorReport(cause) });
    }
  }

  async #train(command: TrainCommand): Promise<void> {
    const { configs, schedule, text } = command;
    this.#stopped = false;
    await this.#sampling.idle;
    this.#release();
    try {
      await this.#gpu.open();
      const from = command.from === undefined ? null : this.#files.get(command.from);
      this.#text = text;
      for (const group of groupRuns(configs, schedule)) {
        await this.#control?.whileRunning(); // the pause came as the last run ended
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
      if (this.#autosave || command.resume !== undefined) await this.#shelf.tell(false);
      this.#control = null;
      this.#lanes = [];
    }
  }

  /** One run with the GPU to itself, or several in lockstep, on as many devices as it takes. */
  async #trainGroup(group: readonly PlannedRun[], command: TrainCommand, from: Opened | null): Promise<void> {
    const [first] = group;
    if (!first) return;
    const resume = await this.#holdStorage(command, from);
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
  }

  /** Null when it was stopped: a large text takes a while to be read. */
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

  /** Those of the runs that have not ended, from their newest state. */
  async #trainOn(
    gpu: OpenGpu,
    runs: readonly GroupRun[],
    data: StartData,
    control: RunControl,
    command: TrainCommand,
  ): Promise<void> {
    const going = runs.filter(({ ended }) => !ended);
    // A run that has learned something is still evaluated.
    const isOff = () => this.#stopped && (control.abandoned || !going.some(({ kept }) => kept.hasBegun));
    for (const planned of going) {
      try {
        await this.#prepare(gpu, planned, data, command.configs.length > 1);
      } catch (cause) {
        const accepted = this.#active.map(({ trainer }) => trainer.memory.total);
        const { vocabulary } = data.dataset.tokenizer;
        throw explainTogether(cause, going, vocabulary, gpu.report.limits, accepted);
      }
      if (isOff()) return;
    }
    if (control.paused) this.#post({ type: 'paused' });
    await control.whileRunning(); // the pause came as they were prepared
    if (isOff()) return;
    const autosave = this.#autosave;
    const around = {
      post: this.#post,
      autosave,
      numerics: this.#numerics,
      sampling: this.#sampling,
      control,
      samples: command.samples ?? DEFAULT_SAMPLES,
      leader: this.#active[0],
    };
    this.#lanes = this.#active.map((active) => new SessionLane(active, around));
    const [only] = this.#active;
    if (only) await autosave?.begin(only.trainer, command.text, command.autosaveMs!);
    for (const lane of this.#lanes) lane.announce();
    await runLanes(this.#lanes, control);
    await autosave?.close(!control.abandoned);
    if (autosave?.place != null) this.#shelf.end(autosave.place, control.abandoned);
    for (const lane of this.#lanes) await lane.writeLast();
  }

  /** The device of these runs is lost. */
  #drop(runs: readonly GroupRun[]): void {
    for (const { run, kept, batch, ended } of runs) {
      kept.detach();
      batch.flush();
      if (!ended) this.#post({ type: 'preparing', run, compiled: 0, total: 0 });
    }
    this.#autosave?.drop();
    this.#release();
  }

  /** The saved run that is gone on with: the one in the storage, which a single run takes, or a file. */
  async #holdStorage(
    { configs, autosaveMs, resume }: TrainCommand,
    from: Opened | null,
  ): Promise<RunFile | undefined> {
    const alone = configs.length === 1 && autosaveMs;
    // What the page could not know of when it asked is not to be written over.
    this.#autosave = alone && !(await this.#look) ? await this.#shelf.hold(0, resume ?? null) : null;
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
    this.#active.push({ run, config, planned, trainer, facts: textFacts(dataset), step, loss });
    await this.#numerics.prepare(trainer, compared);
  }

  async #resume(): Promise<void> {
    this.#sampling.stop('asked');
    await this.#sampling.idle; // training and writing would take turns, and each would look slow
    for (const { batch } of this.#lanes) batch.resume();
    this.#control?.resume();
    this.#post({ type: 'resumed' });
  }

  #onGpu(run: number): RunOnGpu | null {
    const active = this.#models().find((model) => model.run === run);
    const text = this.#text;
    if (!active || !text) return null;
    const stands = this.#control === null || this.#control.paused || active.planned.ended;
    return { trainer: active.trainer, text, stands, saved: this.#autosave !== null };
  }

  /** @returns false where a training has the GPU; one that is asked for meanwhile waits for the end of `work` */
  #afterTraining(work: () => Promise<void>): boolean {
    if (this.#trainings > 0) return false;
    this.#training = this.#training.then(async () => {
      await this.#sampling.idle;
      await work();
    });
    return true;
  }

  /** The runs that are on the GPU. @throws what took them from it */
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
