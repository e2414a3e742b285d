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
import { errorReport } from './errorReport.ts';
import { MetricsBatch } from './metricsBatch.ts';
import type {
  AdapterReport,
  SampleRequest,
  SessionCommand,
  SessionEvent,
  TextSource,
  UnsupportedReason,
} from './protocol.ts';
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
}

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
  #sampling: Promise<void> = Promise.resolve();

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
    this.#check = new TextCheck(post, this.#texts);
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
        this.#training = this.#training.then(() => this.#train(command.configs, command.text));
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
        break;
      case 'sample':
        this.#sampling = this.#sampling.then(() => this.#sampleOnRequest(command.request));
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

  async #train(configs: readonly TrainConfig[], source: TextSource): Promise<void> {
    this.#stopped = false;
    await this.#sampling;
    this.#release();
    let gpu: OpenGpu | undefined;
    try {
      gpu = await this.#openGpu();
      // What is wrong with the text is told before anything is prepared.
      if (configs[0]) await this.#texts.dataset(source, configs[0]);
      for (const [run, config] of configs.entries()) {
        if (this.#stopped) break;
        this.#release();
        try {
          await Promise.race([this.#trainOne(gpu, run, config, source), gpu.lost]);
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

  async #trainOne(gpu: OpenGpu, run: number, config: TrainConfig, text: TextSource): Promise<void> {
    const dataset = await this.#texts.dataset(text, config);
    this.#post({ type: 'preparing', run, compiled: 0, total: 0 });
    const trainer = await createTrainer(gpu.device, gpu.report, config, dataset, {
      onProgress: (compiled, total) => this.#post({ type: 'preparing', run, compiled, total }),
    });
    const active: ActiveRun = { run, trainer, step: 0 };
    this.#active = active;
    if (this.#stopped) return;
    const { parameterCount: parameters, storage, memory, kernels } = trainer;
    const facts = { parameters, storage, memory, kernels, text: textFacts(dataset) };
    this.#post({ type: 'started', run, facts });

    const batch = new MetricsBatch((steps, evals) => this.#post({ type: 'metrics', run, steps, evals }));
    const control = new RunControl();
    this.#batch = batch;
    this.#control = control;
    const summary = await runTraining(
      trainer,
      {
        onStep: (metrics) => {
          active.step = metrics.step;
          batch.addStep(metrics);
        },
        onEval: (metrics) => batch.addEval(metrics),
      },
      control,
    );
    batch.flush();
    this.#post({ type: 'finished', run, summary });
    if (config.sampleLength > 0 && summary.appliedSteps > 0) {
      const { sampleLength: length, seed } = config;
      await this.#sample(active, { prompt: '', length, temperature: 0.8, topK: 40, seed });
    }
  }

  async #resume(): Promise<void> {
    await this.#sampling; // a step in the middle of a sample would overwrite its activations
    this.#batch?.resume();
    this.#control?.resume();
    this.#post({ type: 'resumed' });
  }

  async #sampleOnRequest(request: SampleRequest): Promise<void> {
    try {
      const active = this.#active;
      if (!active) {
        throw new EngineError('BAD_VALUE', 'There is no trained model.', 'Train one, then ask for text.');
      }
      await this.#sample(active, request);
    } catch (cause) {
      this.#post({ type: 'sampleRefused', error: errorReport(cause) });
    }
  }

  async #sample(active: ActiveRun, request: SampleRequest): Promise<void> {
    const { prompt } = request;
    const text = await active.trainer.sample(request);
    this.#post({ type: 'sampled', run: active.run, sample: { prompt, text, step: active.step } });
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
  const { code } = errorReport(cause);
  if (code === 'NO_WEBGPU') return 'noNavigatorGpu';
  if (code === 'NO_ADAPTER') return 'noAdapter';
  if (code === 'LIMIT_EXCEEDED') return 'limitsTooLow';
  return 'deviceRequestFailed';
}
