import {
  type Dataset,
  EngineError,
  mebibytes,
  memoryPlan,
  planLimits,
  ResumableRun,
  type RunFile,
  type TrainConfig,
} from '../engine/index.ts';
import type { Autosave } from './autosave.ts';
import { MetricsBatch, type Send } from './metricsBatch.ts';
import type { AdapterReport, Schedule, SessionEvent } from './protocol.ts';

/** A configuration and its index in the `train` command. */
export interface PlannedRun {
  readonly run: number;
  readonly config: TrainConfig;
}

/** A run's state that survives a lost device. */
export interface GroupRun extends PlannedRun {
  readonly kept: ResumableRun;
  readonly batch: MetricsBatch;
  /** Steps taken before this visit. */
  readonly resumedAt: number;
  /** Whether it has finished or failed. */
  ended: boolean;
}

/** The data that runs start from. */
export interface StartData {
  readonly dataset: Dataset;
  /** Initial weights by parameter name; null where they are drawn from the seed. */
  readonly weights: ReadonlyMap<string, Float32Array> | null;
}

/** Groups the runs that are on the GPU together: each run alone, or in lockstep all runs of a seed. */
export function groupRuns(configs: readonly TrainConfig[], schedule: Schedule): PlannedRun[][] {
  const groups: PlannedRun[][] = [];
  for (const [run, config] of configs.entries()) {
    const last = groups.at(-1);
    if (schedule === 'lockstep' && last?.[0]?.config.seed === config.seed) last.push({ run, config });
    else groups.push([{ run, config }]);
  }
  return groups;
}

/**
 * Creates the state of these runs that survives a lost device. Sends the figures of a saved run at once.
 * @param autosave of the run that is saved
 * @param resume the saved run to continue
 */
export function startRuns(
  group: readonly PlannedRun[],
  post: (event: SessionEvent) => void,
  autosave: Autosave | null,
  resume: RunFile | undefined,
): GroupRun[] {
  const stored = autosave ? () => autosave.newest() : undefined;
  return group.map(({ run, config }) => {
    const send: Send = (steps, evals, sharpness) => post({ type: 'metrics', run, steps, evals, sharpness });
    if (resume && autosave) send(autosave.curve.steps, autosave.curve.evals, autosave.curve.sharpness);
    return {
      run,
      config,
      // Runs in lockstep are compared step by step, so they keep the same micro-batches.
      kept: new ResumableRun({
        start: resume,
        reported: autosave?.curve.reported,
        stored,
        shrinks: group.length === 1,
      }),
      batch: new MetricsBatch(send, autosave?.curve.time),
      resumedAt: resume?.progress.attempted ?? 0,
      ended: false,
    };
  });
}

/**
 * Explains a refused allocation when several runs share the GPU. WebGPU does not report how much memory there is, so
 * the message gives the memory of the accepted runs and what all runs need.
 * @param accepted bytes of each run that the GPU accepted
 */
export function explainTogether(
  cause: unknown,
  group: readonly PlannedRun[],
  vocabulary: number,
  limits: AdapterReport['limits'],
  accepted: readonly number[],
): unknown {
  const refused = cause instanceof EngineError && cause.code === 'OUT_OF_MEMORY';
  if (!refused || group.length < 2) return cause;
  const totals = group.map(({ config }) => memoryPlan(config, vocabulary, planLimits(limits)).bytes.total);
  return new EngineError(
    'OUT_OF_MEMORY',
    `The ${group.length} runs need ${mebibytes(sum(totals))} at once; the GPU took ${mebibytes(sum(accepted))} and refused the next ${mebibytes(totals[accepted.length] ?? 0)}.`,
    `Train them one after the other (schedule: sequential), which needs ${mebibytes(Math.max(...totals))} at most, or use a smaller batch.`,
    { cause },
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
