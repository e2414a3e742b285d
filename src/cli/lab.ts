/** Runs of an experiment in the terminal, one after the other: the GPU and the text they share, and their progress. */
import type { Dataset } from '../engine/data/dataset.ts';
import type { PlannedRun } from '../engine/experiments/planned.ts';
import { type RecordedRun, recordRun } from '../engine/experiments/recordRun.ts';
import {
  type AdapterReport,
  createTrainer,
  RunControl,
  splitText,
  type TrainConfig,
  tokenize,
} from '../engine/index.ts';
import { openAdapter } from './adapter.ts';
import { onInterrupt } from './interrupt.ts';
import type { TextChoice } from './options.ts';
import { ProgressLine } from './progress.ts';
import { progressText } from './runText.ts';
import { StepRate } from './stepRate.ts';
import { openText } from './texts.ts';

/** What shells report for a program that SIGINT ended. */
const EXIT_INTERRUPTED = 130;

interface TrainOptions {
  /** Counts the gradients that were flushed to zero after the last step. */
  readonly countGradients?: boolean;
}

export class Lab {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  readonly dataset: Dataset;
  readonly progress: ProgressLine;
  #control = new RunControl();

  private constructor(device: GPUDevice, report: AdapterReport, dataset: Dataset, progress: ProgressLine) {
    this.device = device;
    this.report = report;
    this.dataset = dataset;
    this.progress = progress;
    onInterrupt(process, {
      stop: () => {
        progress.print('Stopping: what has ended is kept. Press Ctrl-C again to end at once.');
        this.#control.abandon();
      },
      kill: () => process.exit(EXIT_INTERRUPTED),
    });
  }

  /**
   * The text comes first: what is wrong with it should not wait for the GPU.
   * @param config of any of the runs: they do not differ in how they read the text
   */
  static async open(text: TextChoice, config: TrainConfig): Promise<Lab> {
    const dataset = splitText(await tokenize(await openText(text), config.tokenizer), config.context);
    const { device, report } = await openAdapter();
    return new Lab(device, report, dataset, new ProgressLine(process.stderr));
  }

  /** Ctrl-C was pressed: the run at hand counts for nothing, and no other is to start. */
  get stopped(): boolean {
    return this.#control.stopped;
  }

  /**
   * Trains with the GPU to itself; null when it was stopped.
   * @param label what its progress lines begin with
   * @throws EngineError for configurations the adapter cannot run, and the first fault of the device
   */
  async train(
    { mode, config }: PlannedRun,
    label: string,
    options: TrainOptions = {},
  ): Promise<RecordedRun | null> {
    const trainer = await createTrainer(this.device, this.report, config, this.dataset, {
      onProgress: (compiled, total) =>
        this.progress.update(() => `${label}  compiling kernels ${compiled}/${total}`),
    });
    try {
      if (options.countGradients) await trainer.numerics.prepare();
      const rate = new StepRate();
      const run = await recordRun(trainer, mode, this.#control, (metrics) => {
        rate.record(metrics.step, performance.now());
        const text = () => `${label}  ${progressText(metrics, config, rate.stepsPerSecond)}`;
        this.progress.update(text, metrics.step === config.steps);
      });
      return this.stopped ? null : run;
    } finally {
      trainer.destroy();
      this.progress.finish();
    }
  }

  close(): void {
    this.device.destroy();
  }
}

/** "fp16, seed 1337 (2 of 6)" */
export function runLabel(words: readonly (string | number)[], index: number, count: number): string {
  return `${words.join(', ')} (${index + 1} of ${count})`;
}
