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

/** A configuration with its index in the `train` command. */
export interface PlannedRun {
  readonly run: number;
  readonly config: TrainConfig;
}

/** What of a run outlives its device. */
export interface GroupRun extends PlannedRun {
  readonly kept: ResumableRun;
  readonly batch: MetricsBatch;
  /** Steps that an earlier visit had taken. */
  readonly resumedAt: number;
  /** Nothing of it is left to be trained. */
  ended: boolean;
}

/** What runs start with. */
export interface StartData {
  readonly dataset: Dataset;
  /** By parameter; null where they are drawn from the seed. */
  readonly weights: ReadonlyMap<string, Float32Array> | null;
}

/** What has the GPU at the same time: every run alone, or in lockstep all runs of a seed. */
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
 * What of these runs outlives their devices, from their start. The figures of a saved run are told at once.
 * @param autosave of the one that is saved
 * @param resume the saved run that one goes on with
 */
export function startRuns(
  group: readonly PlannedRun[],
  post: (event: SessionEvent) => void,
  autosave: Autosave | null,
  resume: RunFile | undefined,
): GroupRun[] {
  const stored = autosave ? () => autosave.newest() : undefined;
  return group.map(({ run, config }) => {
    const tell: Send = (steps, evals, sharpness) => post({ type: 'metrics', run, steps, evals, sharpness });
    if (resume && autosave) tell(autosave.curve.steps, autosave.curve.evals, autosave.curve.sharpness);
    return {
      run,
      config,
      // Runs of a lockstep are compared step by step, in the same micro-batches.
      kept: new ResumableRun({
        start: resume,
        told: autosave?.curve.told,
        stored,
        shrinks: group.length === 1,
      }),
      batch: new MetricsBatch(tell, autosave?.curve.time),
      resumedAt: resume?.progress.attempted ?? 0,
      ended: false,
    };
  });
}

/**
 * What a refused allocation means where several runs are on the GPU at once: WebGPU does not tell how much memory there
 * is, so the runs that it took before are the one number, and what all of them need is the other.
 * @param accepted bytes of the runs that the GPU took
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
