/** Trains one run alone on the GPU and records everything that a comparison or a sweep needs. */
import type { ErrorCode } from '../core/errors.ts';
import type { RunSummary, StepMetrics } from '../train/metrics.ts';
import type { ResumableRunEvents } from '../train/resumableRun.ts';
import { type RunControl, runTraining } from '../train/run.ts';
import type { StartChecksums } from '../train/start.ts';
import { type RunEvents, TooManySkipsError } from '../train/steppedRun.ts';
import type { Trainer } from '../train/trainer.ts';
import { TrainingClock } from '../train/trainingClock.ts';
import type { ComparedRun, TimedEval } from './comparison.ts';
import type { TableRun } from './table.ts';
import type { VariantId } from './variants.ts';

/** Why a mode ended its run early. This is a result of the experiment, not a failure of the program. */
export interface EarlyStop {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

export interface RecordedRun extends TableRun, ComparedRun {
  readonly facts: NonNullable<TableRun['facts']> & { readonly start: StartChecksums };
  /** Covers the run so far if the mode ended it early. */
  readonly summary: RunSummary;
  readonly error: EarlyStop | null;
}

/** The result of a run, and its trainer. */
export interface Ending {
  readonly trainer: Trainer;
  readonly summary: RunSummary;
  readonly error: EarlyStop | null;
}

/**
 * Records a run. The caller destroys its trainer.
 * @param mode identifies the run in its experiment
 * @param train trains the run to its end with the given events; null when it was stopped before it could start
 */
export async function recordRun(
  mode: VariantId,
  train: (events: ResumableRunEvents) => Promise<Ending | null>,
  onStep: (metrics: StepMetrics) => void = () => {},
): Promise<RecordedRun | null> {
  const clock = new TrainingClock();
  const steps: number[] = [];
  const losses: number[] = [];
  const times: number[] = [];
  const evals: TimedEval[] = [];
  let latest: StepMetrics | null = null;
  const events: ResumableRunEvents = {
    onStep(metrics: StepMetrics) {
      steps.push(metrics.step);
      losses.push(metrics.loss ?? Number.NaN);
      times.push(clock.step());
      latest = metrics;
      onStep(metrics);
    },
    onEval({ step, valLoss }: Omit<TimedEval, 'seconds'>) {
      clock.excludeSinceStep();
      evals.push({ step, valLoss, seconds: (times.at(-1) ?? 0) / 1000 });
    },
    onWaited: () => clock.excludeSinceStep(),
    onRepeated: () => clock.excludeSinceStep(),
  };
  const ending = await train(events);
  if (!ending) return null;
  const { trainer, summary, error } = ending;
  const { config, memory, storage, start } = trainer;
  return {
    config,
    mode,
    seed: config.seed,
    failed: error !== null,
    facts: { memory, storage, start, text: { vocabulary: trainer.dataset.tokenizer.vocabulary } },
    latest,
    summary,
    error,
    ...{ steps, losses, times, evals },
    // As in the page, a run that ended early has no speed.
    tokensPerSec: error ? null : summary.tokensPerSec,
  };
}

/**
 * Trains until the configured number of steps, a stop, or until the mode fails, which `error` reports.
 * @throws EngineError DEVICE_LOST or GPU_VALIDATION, the first fault of the device
 */
export async function trainToEnding(
  trainer: Trainer,
  events: RunEvents,
  control: RunControl,
): Promise<Ending> {
  try {
    return { trainer, summary: await runTraining(trainer, events, control), error: null };
  } catch (cause) {
    if (!(cause instanceof TooManySkipsError)) throw cause;
    const { code, message, hint, summary } = cause;
    return { trainer, summary, error: { code, message, hint } };
  }
}
