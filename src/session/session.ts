import { EngineError } from '../engine/errors.ts';
import {
  createTrainer,
  deviceLost,
  openDevice,
  RunControl,
  runTraining,
  type Trainer,
} from '../engine/index.ts';
import type { TrainConfig } from '../engine/train/config.ts';
import { DEFAULT_SAMPLES, sampleSteps } from '../engine/train/sampler.ts';
import { errorReport } from './errorReport.ts';
import { MetricsBatch } from './metricsBatch.ts';
import type { AdapterReport, SessionCommand, SessionEvent, UnsupportedReason } from './protocol.ts';
import { Sampling } from './sampling.ts';
import { TextCheck } from './textCheck.ts';
import { TextShelf, textFacts } from './texts.ts';

interface OpenGpu {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  /** Rejects with DEVICE_LOST; never resolves. */
  readonly lost: Promise<never>;
}

interface ActiveRun {
  readonly run: number;
  readonly trainer: Trainer;
  step: number;
  loss: number | null;
}

type TrainCommand = Extract<SessionCommand, { type: 'train' }>;

/** Tokens of a sample during a run, at most: long enough to see words appear, short enough not to hold the run up. */
const LIVE_SAMPLE_LENGTH = 100;

/** Owns the GPU and the trainers. One training at a time; the last trainer stays so that it can be sampled from. */
export class Session {
  readonly #post: (event: SessionEvent) => void;
  #gpu: Promise<OpenGpu> | null = null;
  #active: ActiveRun | null = null;
  #control: RunControl | null = null;
  #batch: MetricsBatch | null = null;
  readonly #texts = new TextShelf();
  readonly #check: TextCheck;
  #stopped = false;
  #training: Promise<void> = Promise.resolve();
  readonly #sampling: Sampling;

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
    this.#check = new TextCheck(post, this.#texts);
    this.#sampling = new Sampling(post);
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
        this.#training = this.#training.then(() => this.#train(command));
        break;
      case 'pause':
        this.#control?.pause();
        this.#batch?.pause();
        this.#post({ type: 'paused' });
        break;
      case 'resume':
        void this.#resume();
        break;
      case 'stop':
        this.#stopped = true;
        this.#control?.stop();
        this.#sampling.stop('asked', 'live', 'end');
        break;
      case 'sample':
        this.#sampling.ask(() => this.#active, command.request);
        break;
      case 'stopSample':
        this.#sampling.stop('asked');
        break;
    }
  }

  async #open(): Promise<void> {
    try {
      const { report } = await this.#openGpu();
      this.#post({ type: 'opened', report });
    } catch (cause) {
      this.#post({ type: 'unsupported', reason: unsupportedReason(cause), error: errorReport(cause) });
    }
  }

  #openGpu(): Promise<OpenGpu> {
    this.#gpu ??= this.#requestGpu().catch((cause: unknown) => {
      this.#gpu = null;
      throw cause;
    });
    return this.#gpu;
  }

  async #requestGpu(): Promise<OpenGpu> {
    const gpu = navigator.gpu as GPU | undefined;
    if (!gpu) {
      throw new EngineError(
        'NO_WEBGPU',
        'This browser offers WebGPU to pages but not to workers.',
        'Update the browser: training runs in a worker so that the page stays responsive.',
      );
    }
    const { device, report } = await openDevice(gpu);
    const lost = device.lost.then((info): never => {
      this.#gpu = null;
      throw deviceLost(info);
    });
    lost.catch((cause: unknown) => {
      this.#active = null; // its buffers went with the device
      this.#post({ type: 'lost', error: errorReport(cause) });
    });
    return { device, report, lost };
  }

  async #train(command: TrainCommand): Promise<void> {
    const { configs, text } = command;
    this.#stopped = false;
    await this.#sampling.idle;
    this.#release();
    let gpu: OpenGpu | undefined;
    try {
      gpu = await this.#openGpu();
      // What is wrong with the text is told before anything is prepared.
      if (configs[0]) await this.#texts.dataset(text, configs[0]);
      for (const [run, config] of configs.entries()) {
        if (this.#stopped) break;
        this.#release();
        try {
          await Promise.race([this.#trainOne(gpu, run, config, command), gpu.lost]);
        } catch (cause) {
          if (!(cause instanceof EngineError && cause.code === 'TOO_MANY_SKIPS')) throw cause;
          // A finding about the mode, not a fault: a comparison goes on to show the difference.
          this.#batch?.flush();
          this.#post({ type: 'runFailed', run, error: errorReport(cause) });
        }
      }
      this.#post({ type: 'completed' });
    } catch (cause) {
      this.#batch?.flush();
      // A loss is reported as such; what fails because of it is only a consequence.
      if (!gpu || !(await isLost(gpu))) this.#post({ type: 'failed', error: errorReport(cause) });
    } finally {
      this.#control = null;
      this.#batch = null;
    }
  }

  async #trainOne(
    gpu: OpenGpu,
    run: number,
    config: TrainConfig,
    { text, samples = DEFAULT_SAMPLES }: TrainCommand,
  ): Promise<void> {
    const dataset = await this.#texts.dataset(text, config);
    this.#post({ type: 'preparing', run, compiled: 0, total: 0 });
    const trainer = await createTrainer(gpu.device, gpu.report, config, dataset, {
      onProgress: (compiled, total) => this.#post({ type: 'preparing', run, compiled, total }),
    });
    const active: ActiveRun = { run, trainer, step: 0, loss: null };
    this.#active = active;
    if (this.#stopped) return;
    const { parameterCount: parameters, storage, memory, kernels } = trainer;
    const facts = { parameters, storage, memory, kernels, text: textFacts(dataset) };
    this.#post({ type: 'started', run, facts });

    const batch = new MetricsBatch((steps, evals) => this.#post({ type: 'metrics', run, steps, evals }));
    const control = new RunControl();
    this.#batch = batch;
    this.#control = control;
    const { sampleLength: length, seed } = config;
    // The same beginning and random numbers every time: what changes is the model.
    const request = { prompt: '', length, temperature: 0.8, topK: 40, seed };
    const summary = await runTraining(
      trainer,
      {
        onStep: (metrics) => {
          active.step = metrics.step;
          active.loss = metrics.loss;
          batch.addStep(metrics);
        },
        onEval: (metrics) => batch.addEval(metrics),
        rests: {
          after: length > 0 ? sampleSteps(config.steps, samples) : new Set(),
          take: async () => {
            await this.#sampling.draw(
              active,
              { ...request, length: Math.min(length, LIVE_SAMPLE_LENGTH) },
              'live',
            );
            batch.rested();
          },
        },
      },
      control,
    );
    batch.flush();
    this.#post({ type: 'finished', run, summary });
    if (length > 0 && summary.appliedSteps > 0) await this.#sampling.draw(active, request, 'end');
  }

  async #resume(): Promise<void> {
    this.#sampling.stop('asked');
    await this.#sampling.idle; // training and writing would take turns, and each would look slow
    this.#batch?.resume();
    this.#control?.resume();
    this.#post({ type: 'resumed' });
  }

  #release(): void {
    this.#active?.trainer.destroy();
    this.#active = null;
  }
}

/** The calls that a lost device fails may be told before the loss is. */
const LOSS_IS_TOLD_WITHIN_MS = 200;

function isLost(gpu: OpenGpu): Promise<boolean> {
  return Promise.race([
    gpu.lost.catch(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, LOSS_IS_TOLD_WITHIN_MS, false)),
  ]);
}

function unsupportedReason(cause: unknown): UnsupportedReason {
  if (isRefusal(cause)) return 'blockedByPolicy';
  const { code } = errorReport(cause);
  if (code === 'NO_WEBGPU') return 'noNavigatorGpu';
  if (code === 'NO_ADAPTER') return 'noAdapter';
  if (code === 'LIMIT_EXCEEDED') return 'limitsTooLow';
  return 'deviceRequestFailed';
}

/** The browser has WebGPU and will not let this page use it: a blocklist, an administrator's or an embedding page's rule. */
function isRefusal(cause: unknown): boolean {
  if (!(cause instanceof EngineError) || !(cause.cause instanceof Error)) return false;
  const { name, message } = cause.cause;
  return name === 'SecurityError' || name === 'NotAllowedError' || /blocklist|disabled by/i.test(message);
}
