import { type DeviceAccess, Recovery } from '../engine/index.ts';
import { errorReport } from './errorReport.ts';
import { answerExport, type RunOnGpu } from './exporting.ts';
import { OpenFiles } from './files.ts';
import { unsupportedReason, workerGpu } from './gpu.ts';
import { GpuRuns } from './gpuRuns.ts';
import { Measuring } from './measuring.ts';
import { ModelLoading } from './modelLoading.ts';
import { NumericsSwitch } from './numericsSwitch.ts';
import type { SessionCommand, SessionEvent } from './protocol.ts';
import { Sampling } from './sampling.ts';
import { Shelf } from './shelf.ts';
import { TextCheck } from './textCheck.ts';
import { TextShelf } from './texts.ts';
import { type TrainCommand, Training, type TrainingContext } from './training.ts';

/** Owns the GPU and what uses it. One training at a time; the last runs are kept so that they can write samples. */
export class Session {
  readonly #post: (event: SessionEvent) => void;
  readonly #gpu: DeviceAccess;
  readonly #files: OpenFiles;
  readonly #loading: ModelLoading;
  readonly #check: TextCheck;
  readonly #sampling: Sampling;
  readonly #numerics: NumericsSwitch;
  readonly #measuring: Measuring;
  readonly #shelf: Shelf;
  readonly #runs: GpuRuns;
  readonly #context: TrainingContext;
  /** The newest training that has begun. */
  #training: Training | null = null;
  /** Trainings that were requested and have not ended. */
  #trainings = 0;
  /** Resolves when the trainings and measurements that were requested have ended. */
  #ended: Promise<void> = Promise.resolve();

  constructor(post: (event: SessionEvent) => void) {
    const texts = new TextShelf();
    this.#post = post;
    this.#files = new OpenFiles(post);
    this.#loading = new ModelLoading(post, this.#files);
    this.#check = new TextCheck(post, texts, this.#files);
    this.#sampling = new Sampling(post);
    this.#numerics = new NumericsSwitch(post);
    this.#shelf = new Shelf(post);
    this.#gpu = workerGpu((cause) => {
      if (this.#trainings === 0) this.#runs.lost(cause); // a training resumes by itself
    });
    this.#runs = new GpuRuns(this.#gpu);
    this.#measuring = new Measuring(post, this.#gpu, this.#files, (work) => this.#afterTraining(work));
    this.#context = {
      post,
      texts,
      gpu: this.#gpu,
      recovery: new Recovery(this.#gpu),
      files: this.#files,
      shelf: this.#shelf,
      sampling: this.#sampling,
      numerics: this.#numerics,
      runs: this.#runs,
    };
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
            (run) => this.#runs.left(run),
          ),
        );
      case 'train':
        return this.#train(command);
      case 'pause':
        this.#training?.pause();
        this.#post({ type: 'paused' });
        break;
      case 'resume':
        void this.#resume();
        break;
      case 'stop':
        this.#training?.stop(command.abandon ?? false);
        this.#sampling.stop('asked', 'live', 'end');
        break;
      case 'save':
        this.#training?.save();
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
        this.#numerics.set(command.interval, this.#runs.active, command.noise);
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
      await this.#shelf.reportFirst();
      await this.#shelf.reported;
    } catch (cause) {
      this.#post({ type: 'unsupported', reason: unsupportedReason(cause), error: errorReport(cause) });
    }
  }

  async #train(command: TrainCommand): Promise<void> {
    this.#sampling.stop('asked');
    this.#trainings += 1;
    this.#ended = this.#ended.then(async () => {
      this.#training = new Training(command, this.#context);
      await this.#training.run();
      this.#trainings -= 1;
    });
    await this.#ended;
    await this.#shelf.reported;
  }

  async #resume(): Promise<void> {
    this.#sampling.stop('asked');
    await this.#sampling.idle; // otherwise training and sampling would take turns, and each would look slow
    this.#training?.resume();
    this.#post({ type: 'resumed' });
  }

  #writers(run: number | undefined) {
    return this.#runs.writers(run, this.#trainings > 0);
  }

  #onGpu(run: number): RunOnGpu | null {
    const active = this.#runs.models().find((model) => model.run === run);
    if (!active) return null;
    const { trainer, text, planned } = active;
    const idle = planned.ended || !this.#training?.isStepping;
    return { trainer, text, idle, saved: this.#training?.isSaved ?? false };
  }

  /** @returns false while a run is training; a training requested meanwhile waits for the end of `work` */
  #afterTraining(work: () => Promise<void>): boolean {
    if (this.#trainings > 0) return false;
    this.#ended = this.#ended.then(async () => {
      await this.#sampling.idle;
      await work();
    });
    return true;
  }
}
