/** Trains the runs of an experiment one after the other in the terminal, with a shared GPU and text, and shows progress. */
import {
  type AdapterReport,
  createTrainer,
  type Dataset,
  DeviceAccess,
  type Ending,
  type NumericsFrame,
  type OpenGpu,
  type PlannedRun,
  type RecordedRun,
  Recovery,
  ResumableRun,
  type ResumableRunEvents,
  RunControl,
  type RunWarning,
  recordRun,
  type StepMetrics,
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
  readonly onStep?: (metrics: StepMetrics) => void;
  /** Called with those counts. */
  readonly onGradients?: (frame: NumericsFrame) => void;
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
        progress.print('Stopping. Finished runs are kept. Press Ctrl-C again to quit immediately.');
        this.#control.abandon();
      },
      kill: endBySignal,
    });
  }

  /**
   * Reads the text, then opens the GPU, so that errors in the text are reported first.
   * @param plan returns the runs for an adapter, all of which use the same tokenizer on every adapter
   * @returns the lab and the plan
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

  /** Whether Ctrl-C was pressed. The current run is then discarded, and no other must start. */
  get stopped(): boolean {
    return this.#control.stopped;
  }

  /**
   * Trains one run alone on the GPU; null when it was stopped.
   * @param label beginning of its progress lines
   * @throws EngineError for configurations that the adapter cannot run, and the first fault of the device
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
    const train = (events: ResumableRunEvents): Promise<Ending | null> =>
      this.#recovery.run({
        control: this.#control,
        train: async (gpu) => {
          trainer = await prepare(gpu);
          return trainToEnding(trainer, kept.attach(trainer, events), this.#control);
        },
        drop: () => kept.detach(),
        saved: async () => 'Finished runs are kept; the current one is not.',
      });
    try {
      const rate = new StepRate();
      const run = await recordRun(
        mode,
        (events) =>
          train({
            ...events,
            onWarning: (warning) => this.#printWarning(warning, label),
            ...(options.onGradients && { onGradients: options.onGradients }),
          }),
        (metrics) => {
          options.onStep?.(metrics);
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

  #printWarning({ kind, message, hint }: RunWarning, label: string): void {
    if (kind === 'deviceLost' || kind === 'smallerBatch') this.progress.print(`${label}  ${message} ${hint}`);
  }
}

/** The results of an experiment. */
export interface Trained<T> {
  /** Results of the finished runs, in order. */
  readonly results: readonly T[];
  /** The error of the run that failed, to be thrown after the results are written; undefined when none did. */
  readonly failure: unknown;
}

/**
 * Trains runs one after the other until one is stopped or fails. The results of the runs before it are kept.
 * @param train returns null when the run was stopped
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

/** Labels a run: "fp16, seed 1337 (2 of 6)". */
export function runLabel(words: readonly (string | number)[], index: number, count: number): string {
  return `${words.join(', ')} (${index + 1} of ${count})`;
}
