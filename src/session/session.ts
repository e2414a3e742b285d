import { checkText, type RunFile } from '../engine/checkpoint/runFile.ts';
import { benchmark, confirmBatch, createTrainer, type Dataset, RunControl } from '../engine/index.ts';
import { DEFAULT_SAMPLES } from '../engine/train/sampler.ts';
import { Autosave, forgetSave, lookForSave, nothingSaved } from './autosave.ts';
import { errorReport } from './errorReport.ts';
import { GpuAccess, isLost, type OpenGpu, unsupportedReason } from './gpu.ts';
import { explainTogether, groupRuns, type PlannedRun } from './groups.ts';
import { type ActiveRun, runLanes, SessionLane } from './lanes.ts';
import { NumericsSwitch } from './numericsSwitch.ts';
import type { ErrorReport, SessionCommand, SessionEvent } from './protocol.ts';
import { Sampling } from './sampling.ts';
import { TextCheck } from './textCheck.ts';
import { TextShelf, textFacts } from './texts.ts';

type TrainCommand = Extract<SessionCommand, { type: 'train' }>;

/** Owns the GPU and the trainers. One training at a time; the last trainers stay so that they can be sampled from. */
export class Session {
  readonly #post: (event: SessionEvent) => void;
  readonly #gpu: GpuAccess;
  readonly #texts = new TextShelf();
  readonly #check: TextCheck;
  readonly #sampling: Sampling;
  readonly #numerics: NumericsSwitch;
  /** One run, or in lockstep those of a seed. */
  #active: ActiveRun[] = [];
  #control: RunControl | null = null;
  #lanes: readonly SessionLane[] = [];
  #autosave: Autosave | null = null;
  #stopped = false;
  /** Trainings that were asked for and have not ended. */
  #trainings = 0;
  #training: Promise<void> = Promise.resolve();
  /** Of the measurements that were asked for and have not ended. */
  #measuring = new AbortController();

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
    this.#check = new TextCheck(post, this.#texts);
    this.#sampling = new Sampling(post);
    this.#numerics = new NumericsSwitch(post);
    this.#gpu = new GpuAccess((cause) => {
      this.#active = []; // their buffers went with the device
      post({ type: 'lost', error: errorReport(cause) });
    });
  }

  handle(command: SessionCommand): void {
    switch (command.type) {
      case 'open':
        void this.#open();
        break;
      case 'checkText':
      case 'loadText':
      case 'cancelText':
        this.#check.handle(command);
        break;
      case 'train':
        this.#sampling.stop('asked');
        this.#trainings += 1;
        this.#training = this.#training.then(async () => {
          await this.#train(command);
          this.#trainings -= 1;
        });
        break;
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
        if (command.abandon) this.#control?.abandon();
        else this.#control?.stop();
        this.#sampling.stop('asked', 'live', 'end');
        break;
      case 'save':
        this.#autosave?.request();
        break;
      case 'forgetSave':
        void forgetSave(this.#post);
        break;
      case 'sample':
        this.#sampling.ask(() => this.#active, command.request);
        break;
      case 'stopSample':
        this.#sampling.stop('asked');
        break;
      case 'numerics':
        this.#numerics.set(command.interval, this.#active);
        break;
      case 'inspect':
        // A forward pass, like a sample's.
        void this.#sampling.enqueue(() => this.#numerics.inspect(command.what, this.#active));
        break;
      case 'benchmark':
        this.#measure(
          async ({ device, report }, signal) => ({
            type: 'benchmarked',
            result: await benchmark(device, report, signal),
          }),
          (error) => ({ type: 'benchmarkRefused', error }),
          { type: 'benchmarkCancelled' },
        );
        break;
      case 'cancelMeasuring':
        this.#measuring.abort();
        this.#measuring = new AbortController();
        break;
      case 'confirmBatch':
        this.#confirmBatch(command);
        break;
    }
  }

  async #open(): Promise<void> {
    try {
      const { report } = await this.#gpu.open();
      this.#post({ type: 'opened', report });
      await lookForSave(this.#post);
    } catch (cause) {
      this.#post({ type: 'unsupported', reason: unsupportedReason(cause), error: errorReport(cause) });
    }
  }

  async #train(command: TrainCommand): Promise<void> {
    const { configs, schedule, text } = command;
    this.#stopped = false;
    await this.#sampling.idle;
    this.#release();
    let gpu: OpenGpu | undefined;
    try {
      gpu = await this.#gpu.open();
      // What is wrong with the text is told before anything is prepared.
      if (configs[0]) await this.#texts.dataset(text, configs[0]);
      for (const group of groupRuns(configs, schedule)) {
        await this.#control?.whileRunning(); // the pause came as the last run ended
        if (this.#stopped) break;
        this.#release();
        await Promise.race([this.#trainGroup(gpu, group, command), gpu.lost]).finally(() =>
          this.#autosave?.close(false),
        );
      }
      this.#post({ type: 'completed' });
    } catch (cause) {
      for (const { batch } of this.#lanes) batch.flush();
      // A loss is reported as such; what fails because of it is only a consequence.
      if (!gpu || !(await isLost(gpu))) this.#post({ type: 'failed', error: errorReport(cause) });
    } finally {
      this.#control = null;
      this.#lanes = [];
    }
  }

  /** One run with the GPU to itself, or several in lockstep. */
  async #trainGroup(gpu: OpenGpu, group: readonly PlannedRun[], command: TrainCommand): Promise<void> {
    const [first] = group;
    if (!first) return;
    const dataset = await this.#texts.dataset(command.text, first.config); // modes do not differ in how they read it
    const resume = await this.#holdStorage(command, dataset);
    for (const planned of group) {
      try {
        await this.#prepare(gpu, planned, dataset, command.configs.length > 1, resume);
      } catch (cause) {
        const accepted = this.#active.map(({ trainer }) => trainer.memory.total);
        const { vocabulary } = dataset.tokenizer;
        throw explainTogether(cause, group, vocabulary, gpu.report.limits, accepted);
      }
      if (this.#stopped) return;
    }
    await this.#control?.whileRunning(); // or as this one was prepared
    if (this.#stopped) return;
    const control = new RunControl();
    const autosave = this.#autosave;
    const around = {
      post: this.#post,
      autosave,
      numerics: this.#numerics,
      sampling: this.#sampling,
      control,
      samples: command.samples ?? DEFAULT_SAMPLES,
    };
    this.#lanes = this.#active.map((active) => new SessionLane(active, around));
    this.#control = control;
    await autosave?.begin(this.#active[0]!.trainer, command.text, command.autosaveMs!);
    for (const lane of this.#lanes) lane.announce();
    await runLanes(this.#lanes, control);
    await autosave?.close(!control.abandoned);
    for (const lane of this.#lanes) await lane.writeLast();
  }

  /** For a single run. @returns the saved run, where it is gone on with */
  async #holdStorage(
    { configs, autosaveMs, resume }: TrainCommand,
    dataset: Dataset,
  ): Promise<RunFile | undefined> {
    this.#autosave = configs.length === 1 && autosaveMs ? await Autosave.hold(this.#post, 0) : null;
    if (!resume) return undefined;
    const saved = await this.#autosave?.saved();
    if (!saved) throw nothingSaved();
    checkText(saved, dataset);
    return saved;
  }

  async #prepare(
    gpu: OpenGpu,
    { run, config }: PlannedRun,
    dataset: Dataset,
    compared: boolean,
    resume: RunFile | undefined,
  ): Promise<void> {
    this.#post({ type: 'preparing', run, compiled: 0, total: 0 });
    const trainer = await createTrainer(gpu.device, gpu.report, config, dataset, {
      onProgress: (compiled, total) => this.#post({ type: 'preparing', run, compiled, total }),
      resume,
    });
    this.#active.push({ run, config, trainer, facts: textFacts(dataset), step: 0, loss: null });
    await this.#numerics.prepare(trainer, compared);
  }

  async #resume(): Promise<void> {
    this.#sampling.stop('asked');
    await this.#sampling.idle; // training and writing would take turns, and each would look slow
    for (const { batch } of this.#lanes) batch.resume();
    this.#control?.resume();
    this.#post({ type: 'resumed' });
  }

  #confirmBatch({ id, config, vocabulary }: Extract<SessionCommand, { type: 'confirmBatch' }>): void {
    const onTry = (batch: number) => this.#post({ type: 'batchTried', id, batch });
    this.#measure(
      async ({ device, report }, signal) => ({
        type: 'batchConfirmed',
        id,
        result: await confirmBatch(device, report, config, vocabulary, { onTry, signal }),
      }),
      (error) => ({ type: 'batchRefused', id, error }),
      { type: 'batchCancelled', id },
    );
  }

  /** Something that needs the GPU for itself: refused while a training has it, and a training waits for its end. */
  #measure(
    body: (gpu: OpenGpu, signal: AbortSignal) => Promise<SessionEvent>,
    refusal: (error: ErrorReport) => SessionEvent,
    cancelled: SessionEvent,
  ): void {
    if (this.#trainings > 0) {
      this.#post(refusal(BUSY));
      return;
    }
    const { signal } = this.#measuring;
    this.#training = this.#training.then(async () => {
      await this.#sampling.idle;
      try {
        signal.throwIfAborted();
        const gpu = await this.#gpu.open();
        this.#post(await Promise.race([body(gpu, signal), gpu.lost]));
      } catch (cause) {
        this.#post(signal.aborted ? cancelled : refusal(errorReport(cause)));
      }
    });
  }

  #release(): void {
    for (const { trainer } of this.#active) trainer.destroy();
    this.#active = [];
  }
}

const BUSY: ErrorReport = {
  code: 'GPU_BUSY',
  message: 'The GPU is training.',
  hint: 'Stop the training, or wait until it has ended: the figures would be of both.',
};
