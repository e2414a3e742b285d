import type { Dataset } from '../engine/data/dataset.ts';
import { EngineError } from '../engine/errors.ts';
import {
  benchmark,
  confirmBatch,
  createTrainer,
  deviceLost,
  type Lane,
  openDevice,
  RunControl,
  runLockstep,
  runTraining,
  type Trainer,
} from '../engine/index.ts';
import type { TrainConfig } from '../engine/train/config.ts';
import { errorReport } from './errorReport.ts';
import { explainTogether, groupRuns, type PlannedRun } from './groups.ts';
import { MetricsBatch } from './metricsBatch.ts';
import { NumericsSwitch } from './numericsSwitch.ts';
import type {
  AdapterReport,
  ErrorReport,
  RunSummary,
  SampleRequest,
  SessionCommand,
  SessionEvent,
  TextFacts,
  TextSource,
  TextUse,
  UnsupportedReason,
} from './protocol.ts';
import { type LoadedText, loadText, neutralPrompt, textFacts, toDataset } from './texts.ts';

interface OpenGpu {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  /** Rejects with DEVICE_LOST; never resolves. */
  readonly lost: Promise<never>;
}

interface ActiveRun {
  readonly run: number;
  readonly config: TrainConfig;
  readonly trainer: Trainer;
  readonly text: LoadedText;
  readonly facts: TextFacts;
  step: number;
}

/** Owns the GPU and the trainers. One training at a time; the last trainers stay so that they can be sampled from. */
export class Session {
  readonly #post: (event: SessionEvent) => void;
  #gpu: Promise<OpenGpu> | null = null;
  /** One run, or in lockstep those of a seed. */
  #active: ActiveRun[] = [];
  #control: RunControl | null = null;
  #batches: MetricsBatch[] = [];
  readonly #numerics: NumericsSwitch;
  #stopped = false;
  /** Trainings that were asked for and have not ended. */
  #trainings = 0;
  #training: Promise<void> = Promise.resolve();
  #sampling: Promise<void> = Promise.resolve();

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
    this.#numerics = new NumericsSwitch(post);
  }

  handle(command: SessionCommand): void {
    switch (command.type) {
      case 'open':
        void this.#open();
        break;
      case 'checkText':
        void this.#checkText(command.id, command.file, command.use);
        break;
      case 'train':
        this.#trainings += 1;
        this.#training = this.#training.then(async () => {
          await this.#train(groupRuns(command.configs, command.schedule), command.text);
          this.#trainings -= 1;
        });
        break;
      case 'pause':
        this.#control?.pause();
        for (const batch of this.#batches) batch.pause();
        this.#post({ type: 'paused' });
        break;
      case 'resume':
        void this.#resume();
        break;
      case 'stop':
        this.#stopped = true;
        if (command.abandon) this.#control?.abandon();
        else this.#control?.stop();
        break;
      case 'sample':
        this.#sampling = this.#sampling.then(() => this.#sampleOnRequest(command.request));
        break;
      case 'numerics':
        this.#numerics.set(command.interval, this.#active);
        break;
      case 'inspect':
        this.#sampling = this.#sampling.then(() => this.#numerics.inspect(command.what, this.#active));
        break;
      case 'benchmark':
        this.#measure(
          async ({ device, report }) => ({ type: 'benchmarked', result: await benchmark(device, report) }),
          (error) => ({ type: 'benchmarkRefused', error }),
        );
        break;
      case 'confirmBatch': {
        const { id, config, vocabulary } = command;
        const onTry = (batch: number) => this.#post({ type: 'batchTried', id, batch });
        this.#measure(
          async ({ device, report }) => ({
            type: 'batchConfirmed',
            id,
            result: await confirmBatch(device, report, config, vocabulary, onTry),
          }),
          (error) => ({ type: 'batchRefused', id, error }),
        );
        break;
      }
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
      this.#active = []; // their buffers went with the device
      this.#post({ type: 'lost', error: errorReport(cause) });
    });
    return { device, report, lost };
  }

  async #checkText(id: number, file: File, use: TextUse): Promise<void> {
    try {
      const dataset = toDataset(await loadText({ kind: 'own', file }), use);
      this.#post({ type: 'textChecked', id, facts: textFacts(dataset) });
    } catch (cause) {
      this.#post({ type: 'textRefused', id, error: errorReport(cause) });
    }
  }

  async #train(groups: readonly (readonly PlannedRun[])[], source: TextSource): Promise<void> {
    this.#stopped = false;
    await this.#sampling;
    this.#release();
    let gpu: OpenGpu | undefined;
    try {
      gpu = await this.#openGpu();
      const text = await loadText(source);
      for (const group of groups) {
        if (this.#stopped) break;
        this.#release();
        await Promise.race([this.#trainGroup(gpu, group, text), gpu.lost]);
      }
      this.#post({ type: 'completed' });
    } catch (cause) {
      for (const batch of this.#batches) batch.flush();
      // A loss is reported as such; what fails because of it is only a consequence.
      if (!gpu || !(await isLost(gpu))) this.#post({ type: 'failed', error: errorReport(cause) });
    } finally {
      this.#control = null;
      this.#batches = [];
    }
  }

  /** One run with the GPU to itself, or several in lockstep. */
  async #trainGroup(gpu: OpenGpu, group: readonly PlannedRun[], text: LoadedText): Promise<void> {
    const [first] = group;
    if (!first) return;
    const dataset = toDataset(text, first.config); // modes do not differ in how they read it
    for (const planned of group) {
      try {
        await this.#prepare(gpu, planned, dataset, text);
      } catch (cause) {
        const accepted = this.#active.map(({ trainer }) => trainer.memory.total);
        const { vocabulary } = dataset.tokenizer;
        throw explainTogether(cause, group, vocabulary, gpu.report.limits, accepted);
      }
      if (this.#stopped) return;
    }
    const finished: ActiveRun[] = [];
    const control = new RunControl();
    this.#batches = [];
    const lanes = this.#active.map((active) => this.#start(active, control, finished));
    this.#control = control;
    const [only, ...others] = lanes;
    if (only && others.length === 0) await runAlone(only, control);
    else await runLockstep(lanes, control);
    for (const active of finished) {
      const { sampleLength: length, seed } = active.config;
      if (length > 0) await this.#sample(active, { prompt: '', length, temperature: 0.8, topK: 40, seed });
    }
  }

  async #prepare(
    gpu: OpenGpu,
    { run, config }: PlannedRun,
    dataset: Dataset,
    text: LoadedText,
  ): Promise<void> {
    this.#post({ type: 'preparing', run, compiled: 0, total: 0 });
    const trainer = await createTrainer(gpu.device, gpu.report, config, dataset, {
      onProgress: (compiled, total) => this.#post({ type: 'preparing', run, compiled, total }),
    });
    this.#active.push({ run, config, trainer, text, facts: textFacts(dataset), step: 0 });
  }

  /** @param finished takes the run when it has ended with something learned */
  #start(active: ActiveRun, control: RunControl, finished: ActiveRun[]): Lane {
    const { run, trainer } = active;
    const { parameterCount: parameters, storage, memory, kernels, start } = trainer;
    const facts = { parameters, storage, memory, kernels, text: active.facts, start };
    this.#post({ type: 'started', run, facts });
    this.#numerics.attach(trainer);
    const batch = new MetricsBatch((steps, evals) => this.#post({ type: 'metrics', run, steps, evals }));
    this.#batches.push(batch);
    const events: Lane['events'] = {
      onStep: (metrics) => {
        active.step = metrics.step;
        batch.addStep(metrics);
        this.#numerics.report(active);
      },
      onEval: (metrics) => batch.addEval(metrics),
      onFinished: (summary) => {
        this.#numerics.report(active);
        batch.flush();
        if (control.abandoned) return;
        this.#post({ type: 'finished', run, summary });
        if (summary.appliedSteps > 0) finished.push(active);
      },
      // A finding about the mode, not a fault: a comparison goes on to show the difference.
      onFailed: (error) => {
        batch.flush();
        this.#post({ type: 'runFailed', run, error: errorReport(error) });
      },
    };
    return { trainer, events };
  }

  async #resume(): Promise<void> {
    await this.#sampling; // a step in the middle of a sample would overwrite its activations
    for (const batch of this.#batches) batch.resume();
    this.#control?.resume();
    this.#post({ type: 'resumed' });
  }

  async #sampleOnRequest(request: SampleRequest): Promise<void> {
    try {
      if (this.#active.length === 0) {
        throw new EngineError('BAD_VALUE', 'There is no trained model.', 'Train one, then ask for text.');
      }
      for (const active of this.#active) await this.#sample(active, request);
    } catch (cause) {
      this.#post({ type: 'sampleRefused', error: errorReport(cause) });
    }
  }

  async #sample(active: ActiveRun, request: SampleRequest): Promise<void> {
    const prompt = request.prompt || neutralPrompt(active.text.text);
    const text = await active.trainer.sample({ ...request, prompt });
    this.#post({ type: 'sampled', run: active.run, sample: { prompt, text, step: active.step } });
  }

  /** Something that needs the GPU for itself: refused while a training has it, and a training waits for its end. */
  #measure(
    body: (gpu: OpenGpu) => Promise<SessionEvent>,
    refusal: (error: ErrorReport) => SessionEvent,
  ): void {
    if (this.#trainings > 0) {
      this.#post(refusal(BUSY));
      return;
    }
    this.#training = this.#training.then(async () => {
      await this.#sampling;
      try {
        const gpu = await this.#openGpu();
        this.#post(await Promise.race([body(gpu), gpu.lost]));
      } catch (cause) {
        this.#post(refusal(errorReport(cause)));
      }
    });
  }

  #release(): void {
    for (const { trainer } of this.#active) trainer.destroy();
    this.#active = [];
  }
}

/** A run with the GPU to itself: its speed counts. */
async function runAlone({ trainer, events }: Lane, control: RunControl): Promise<void> {
  let summary: RunSummary;
  try {
    summary = await runTraining(trainer, events, control);
  } catch (cause) {
    if (!(cause instanceof EngineError && cause.code === 'TOO_MANY_SKIPS')) throw cause;
    events.onFailed(cause);
    return;
  }
  events.onFinished(summary);
}

const BUSY: ErrorReport = {
  code: 'GPU_BUSY',
  message: 'The GPU is training.',
  hint: 'Stop the training, or wait until it has ended: the figures would be of both.',
};

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
