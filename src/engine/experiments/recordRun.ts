/** A run with the GPU to itself, and everything that a comparison or a sweep asks of it afterwards. */
import type { RunSummary, StepMetrics } from '../train/metrics.ts';
import { type RunControl, runTraining } from '../train/run.ts';
import type { StartChecksums } from '../train/start.ts';
import { TooManySkipsError } from '../train/steppedRun.ts';
import type { Trainer } from '../train/trainer.ts';
import { TrainingClock } from '../train/trainingClock.ts';
import type { ComparedRun, TimedEval } from './comparison.ts';
import type { TableRun } from './table.ts';
import type { VariantId } from './variants.ts';

/** Why a mode could not go on: a finding about it, not a fault. */
export interface StoppedItself {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export interface RecordedRun extends TableRun, ComparedRun {
  readonly facts: NonNullable<TableRun['facts']> & { readonly start: StartChecksums };
  /** Of the run so far where the mode stopped by itself. */
  readonly summary: RunSummary;
  readonly error: StoppedItself | null;
}

/**
 * Trains until the configured number of steps, a stop, or until the mode cannot go on, which is told in `error`.
 * The trainer stays the caller's to destroy.
 * @param mode what the run goes by in its experiment
 * @throws EngineError DEVICE_LOST or GPU_VALIDATION, the first fault of the device
 */
export async function recordRun(
  trainer: Trainer,
  mode: VariantId,
  control: RunControl,
  onStep: (metrics: StepMetrics) => void = () => {},
): Promise<RecordedRun> {
  const { config, memory, storage, start } = trainer;
  const clock = new TrainingClock();
  const steps: number[] = [];
  const losses: number[] = [];
  const times: number[] = [];
  const evals: TimedEval[] = [];
  let latest: StepMetrics | null = null;
  const events = {
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
  };
  const { summary, error } = await ending(() => runTraining(trainer, events, control));
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

async function ending(
  train: () => Promise<RunSummary>,
): Promise<{ summary: RunSummary; error: StoppedItself | null }> {
  try {
    return { summary: await train(), error: null };
  } catch (cause) {
    if (!(cause instanceof TooManySkipsError)) throw cause;
    const { code, message, hint, summary } = cause;
    return { summary, error: { code, message, hint } };
  }
}
