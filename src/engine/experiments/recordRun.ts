/** A run with the GPU to itself, and everything that a comparison or a sweep asks of it afterwards. */
import type { ErrorCode } from '../core/errors.ts';
import type { RunSummary, StepMetrics } from '../train/metrics.ts';
import type { KeptEvents } from '../train/resumableRun.ts';
import { type RunControl, runTraining } from '../train/run.ts';
import type { StartChecksums } from '../train/start.ts';
import { type RunEvents, TooManySkipsError } from '../train/steppedRun.ts';
import type { Trainer } from '../train/trainer.ts';
import { TrainingClock } from '../train/trainingClock.ts';
import type { ComparedRun, TimedEval } from './comparison.ts';
import type { TableRun } from './table.ts';
import type { VariantId } from './variants.ts';

/** Why a mode could not go on: a finding about it, not a fault. */
export interface StoppedItself {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

export interface RecordedRun extends TableRun, ComparedRun {
  readonly facts: NonNullable<TableRun['facts']> & { readonly start: StartChecksums };
  /** Of the run so far where the mode stopped by itself. */
  readonly summary: RunSummary;
  readonly error: StoppedItself | null;
}

/** A run's end, and the trainer that came to it. */
export interface Ending {
  readonly trainer: Trainer;
  readonly summary: RunSummary;
  readonly error: StoppedItself | null;
}

/**
 * Records a run. Its trainer stays the caller's to destroy.
 * @param mode what it goes by in its experiment
 * @param train trains it to its end with the events it is given; null where it was stopped before it could
 */
export async function recordRun(
  mode: VariantId,
  train: (events: KeptEvents) => Promise<Ending | null>,
  onStep: (metrics: StepMetrics) => void = () => {},
): Promise<RecordedRun | null> {
  const clock = new TrainingClock();
  const steps: number[] = [];
  const losses: number[] = [];
  const times: number[] = [];
  const evals: TimedEval[] = [];
  let latest: StepMetrics | null = null;
  const events: KeptEvents = {
    onStep(metrics: StepMetrics) {
      steps.push(metrics.step);
      losses.push(metrics.loss ?? Number.NaN);
      times.push(clock.step());
      latest = metrics;
      onStep(metrics);
    },
    onEval({ step, valLoss }: Omit<TimedEval, 'seconds'>) {
      clock.rested();
      evals.push({ step, valLoss, seconds: (times.at(-1) ?? 0) / 1000 });
    },
    onWaited: () => clock.rested(),
    onRepeated: () => clock.rested(),
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
    // As in the page, a run that could not go on has no speed.
    tokensPerSec: error ? null : summary.tokensPerSec,
  };
}

/**
 * Trains until the configured number of steps, a stop, or until the mode cannot go on, which is told in `error`.
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
