/** Runs of an experiment in the terminal, one after the other: the GPU and the text they share, and their progress. */
import {
  type AdapterReport,
  createTrainer,
  type Dataset,
  DeviceAccess,
  type Ending,
  type KeptEvents,
  type OpenGpu,
  type PlannedRun,
  type RecordedRun,
  Recovery,
  ResumableRun,
  RunControl,
  type RunWarning,
  recordRun,
  splitText,
  type TrainConfig,
  type Trainer,
  tokenize,
  trainToEnding,
} from '../engine/index.ts';
import { openAdapter } from './adapter.ts';
import { endBySignal, onInterrupt } from './interrupt.ts';
import type { TextChoice } from './options.ts';
import { ProgressLine } from './progress.ts';
import { onReaderGone } from './runCommand.ts';
import { progressText, readingNote } from './runText.ts';
import { StepRate } from './stepRate.ts';
import { openText, showReading } from './texts.ts';

interface TrainOptions {
  /** Counts the gradients that were flushed to zero after the last step. */
  readonly countGradients?: boolean;
}

export class Lab {
  readonly report: AdapterReport;
  readonly dataset: Dataset;
  readonly progress: ProgressLine;
  readonly #control = new RunControl();
  readonly #gpu: DeviceAccess;
  readonly #recovery: Recovery;

  private constructor(gpu: DeviceAccess, report: AdapterReport, dataset: Dataset, progress: ProgressLine) {
    this.#gpu = gpu;
    this.#recovery = new Recovery(gpu);
    this.report = report;
    this.dataset = dataset;
    this.progress = progress;
    onReaderGone(() => this.#control.abandon());
    onInterrupt(process, {
      stop: () => {
        progress.print('Stopping: what has ended is kept. Press Ctrl-C again to end at once.');
        this.#control.abandon();
      },
      kill: endBySignal,
    });
  }

  /**
   * The text comes first: what is wrong with it should not wait for the GPU.
   * @param plan the runs on an adapter; they do not differ in how they read the text, nor does the adapter change that
   * @returns the GPU and the text, and what is planned
   */
  static async open<Plan extends { readonly runs: readonly PlannedRun[] }>(
    text: TextChoice,
    { tokenizer }: Pick<TrainConfig, 'tokenizer'>,
    plan: (report: AdapterReport) => Plan,
  ): Promise<{ readonly lab: Lab } & Plan> {
    const progress = new ProgressLine(process.stderr);
    const tokenized = await tokenize(await openText(text), tokenizer, { onProgress: showReading(progress) });
    progress.finish();
    const gpu = new DeviceAccess(openAdapter);
    const { report } = await gpu.open();
    const planned = plan(report);
    const dataset = splitText(tokenized, planned.runs[0]!.config.context);
    const note = readingNote(dataset);
    if (note) progress.print(note);
    return { ...planned, lab: new Lab(gpu, report, dataset, progress) };
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
    const kept = new ResumableRun();
    let trainer: Trainer | undefined;
    const prepare = async ({ device, report }: OpenGpu): Promise<Trainer> => {
      const prepared = await kept.make(config, (trained, kind) =>
        createTrainer(device, report, trained, this.dataset, {
          onProgress: (compiled, total) =>
            this.progress.update(() => `${label}  compiling kernels ${compiled}/${total}`),
          ...kind,
        }),
      );
      if (options.countGradients) await prepared.numerics.prepare();
      return prepared;
    };
    const train = (events: KeptEvents): Promise<Ending | null> =>
      this.#recovery.run({
        control: this.#control,
        train: async (gpu) => {
          trainer = await prepare(gpu);
          return trainToEnding(trainer, kept.attach(trainer, events), this.#control);
        },
        drop: () => kept.detach(),
        saved: async () => 'The runs that have ended are kept; the one at hand is not.',
      });
    try {
      const rate = new StepRate();
      const run = await recordRun(
        mode,
        (events) => train({ ...events, onTrouble: (trouble) => this.#tellChange(trouble, label) }),
        (metrics) => {
          rate.record(metrics.step, performance.now());
          const text = () => `${label}  ${progressText(metrics, config, rate.stepsPerSecond)}`;
          this.progress.update(text, metrics.step === config.steps);
        },
      );
      return this.stopped ? null : run;
    } finally {
      trainer?.destroy();
      this.progress.finish();
    }
  }

  close(): void {
    this.#gpu.close();
  }

  #tellChange({ kind, message, hint }: RunWarning, label: string): void {
    if (kind === 'deviceLost' || kind === 'smallerBatch') this.progress.print(`${label}  ${message} ${hint}`);
  }
}

/** What became of the runs of an experiment. */
export interface Trained<T> {
  /** Of the runs that have ended, in their order. */
  readonly results: readonly T[];
  /** What the next one failed with: thrown when the results are written. Undefined where none did. */
  readonly failure: unknown;
}

/**
 * Trains one after the other until one is stopped or fails: what the others have come to is not lost with it.
 * @param train null where it was stopped
 */
export async function trainEach<P, T>(
  planned: readonly P[],
  train: (run: P, index: number) => Promise<T | null>,
): Promise<Trained<T>> {
  const results: T[] = [];
  for (const [i, one] of planned.entries()) {
    try {
      const result = await train(one, i);
      if (result === null) break;
      results.push(result);
    } catch (failure) {
      return { results, failure };
    }
  }
  return { results, failure: undefined };
}

/** "fp16, seed 1337 (2 of 6)" */
export function runLabel(words: readonly (string | number)[], index: number, count: number): string {
  return `${words.join(', ')} (${index + 1} of ${count})`;
}
