import { checkText, type RunFile } from '../engine/checkpoint/runFile.ts';
import type { DeviceAccess, OpenGpu } from '../engine/deviceAccess.ts';
import { benchmark, confirmBatch, createTrainer, type Dataset, RunControl } from '../engine/index.ts';
import { KeptRun } from '../engine/train/keptRun.ts';
import { Recovery } from '../engine/train/recovery.ts';
import { DEFAULT_SAMPLES } from '../engine/train/sampler.ts';
import { Autosave, forgetSave, lookForSave, nothingSaved } from './autosave.ts';
import { errorReport } from './errorReport.ts';
import { unsupportedReason, workerGpu } from './gpu.ts';
import { explainTogether, type GroupRun, groupRuns, type PlannedRun } from './groups.ts';
import { type ActiveRun, runLanes, SessionLane } from './lanes.ts';
import { MetricsBatch } from './metricsBatch.ts';
import { NumericsSwitch } from './numericsSwitch.ts';
import type { ErrorReport, SessionCommand, SessionEvent } from './protocol.ts';
import { Sampling } from './sampling.ts';
import { TextCheck } from './textCheck.ts';
import { TextShelf, textFacts } from './texts.ts';

type TrainCommand = Extract<SessionCommand, { type: 'train' }>;

/** Owns the GPU and the trainers. One training at a time; the last trainers stay so that they can be sampled from. */
export class Session {
  readonly #post: (event: SessionEvent) => void;
  readonly #gpu: DeviceAccess;
  readonly #recovery: Recovery;
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
    this.#gpu = workerGpu((cause) => {
      if (this.#trainings > 0) return; // they go on by themselves
      this.#active = []; // their buffers went with the device
      post({ type: 'lost', error: errorReport(cause) });
    });
    this.#recovery = new Recovery(this.#gpu);
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
    try {
      await this.#gpu.open();
      // What is wrong with the text is told before anything is prepared.
      if (configs[0]) await this.#texts.dataset(text, configs[0]);
      for (const group of groupRuns(configs, schedule)) {
        await this.#control?.whileRunning(); // the pause came as the last run ended
        if (this.#stopped) break;
        this.#release();
        await this.#trainGroup(group, command).finally(() => this.#autosave?.close(false));
      }
      this.#post({ type: 'completed' });
    } catch (cause) {
      for (const { batch } of this.#lanes) batch.flush();
      const error = errorReport(cause);
      this.#post({ type: error.code === 'DEVICE_LOST' ? 'lost' : 'failed', error });
      if (this.#autosave) await lookForSave(this.#post);
    } finally {
      this.#control = null;
      this.#lanes = [];
    }
  }

  /** One run with the GPU to itself, or several in lockstep, on as many devices as it takes. */
  async #trainGroup(group: readonly PlannedRun[], command: TrainCommand): Promise<void> {
    const [first] = group;
    if (!first) return;
    const dataset = await this.#texts.dataset(command.text, first.config); // modes do not differ in how they read it
    const resume = await this.#holdStorage(command, dataset);
    const autosave = this.#autosave;
    const stored = autosave ? () => autosave.newest() : undefined;
    const runs: GroupRun[] = group.map((planned) => ({
      ...planned,
      kept: new KeptRun({ start: resume, stored }),
      batch: new MetricsBatch(
        (steps, evals, sharpness) =>
          this.#post({ type: 'metrics', run: planned.run, steps, evals, sharpness }),
        autosave?.curve.time,
      ),
      resumedAt: resume?.progress.attempted ?? 0,
      ended: false,
    }));
    if (resume && autosave) {
      const { steps, evals, sharpness } = autosave.curve;
      this.#post({ type: 'metrics', run: first.run, steps, evals, sharpness });
    }
    const control = new RunControl();
    this.#control = control;
    await this.#recovery.run({
      control,
      train: (gpu) => this.#trainOn(gpu, runs, dataset, control, command),
      drop: () => this.#drop(runs),
      saved: async () => {
        const saved = await autosave?.newest();
        return saved
          ? `The run is saved at step ${saved.progress.attempted}: it can be resumed.`
          : 'What was learned is shown, and not saved.';
      },
    });
  }

  /** Those of the runs that have not ended, from their newest state. */
  async #trainOn(
    gpu: OpenGpu,
    runs: readonly GroupRun[],
    dataset: Dataset,
    control: RunControl,
    command: TrainCommand,
  ): Promise<void> {
    const going = runs.filter(({ ended }) => !ended);
    // A run that has learned something is still evaluated.
    const isOff = () => this.#stopped && (control.abandoned || !going.some(({ kept }) => kept.hasBegun));
    for (const planned of going) {
      try {
        await this.#prepare(gpu, planned, dataset, command.configs.length > 1);
      } catch (cause) {
        const accepted = this.#active.map(({ trainer }) => trainer.memory.total);
        const { vocabulary } = dataset.tokenizer;
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
    for (const lane of this.#lanes) await lane.writeLast();
  }

  /** The device of these runs is lost. */
  #drop(runs: readonly GroupRun[]): void {
    for (const { run, kept, batch, ended } of runs) {
      batch.flush();
      kept.detach();
      if (!ended) this.#post({ type: 'preparing', run, compiled: 0, total: 0 });
    }
    this.#autosave?.drop();
    this.#release();
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

  async #prepare(gpu: OpenGpu, planned: GroupRun, dataset: Dataset, compared: boolean): Promise<void> {
    const { run, config, kept } = planned;
    this.#post({ type: 'preparing', run, compiled: 0, total: 0 });
    const trainer = await createTrainer(gpu.device, gpu.report, config, dataset, {
      onProgress: (compiled, total) => this.#post({ type: 'preparing', run, compiled, total }),
      ...(await kept.trainerOptions()),
    });
    const step = trainer.submittedSteps;
    this.#active.push({ run, config, planned, trainer, facts: textFacts(dataset), step, loss: null });
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
