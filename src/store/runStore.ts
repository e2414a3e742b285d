import { create } from 'zustand';
import type { TrainConfig, VariantId } from '../engine/index.ts';
import type {
  AdapterReport,
  ErrorReport,
  RunFacts,
  RunSummary,
  RunWarning,
  SampledToken,
  SampleHeading,
  SampleText,
  Schedule,
  TimedStep,
  UnsupportedReason,
} from '../session/protocol.ts';
import type { MetricsLog } from './metricsLog.ts';
import type { Settings } from './settings.ts';

/** What the page's training is doing. Runs that ended early by themselves leave no error of the training. */
export type Phase =
  | {
      readonly status: 'idle' | 'training' | 'paused' | 'stopping' | 'done';
      readonly compiling: null;
      readonly error: null;
    }
  /** `compiling` is null while the text is read, and 0 of 0 while the adapter is measured. */
  | { readonly status: 'preparing'; readonly compiling: Compiling | null; readonly error: null }
  | { readonly status: 'failed'; readonly compiling: null; readonly error: ErrorReport | null }
  | { readonly status: 'lost'; readonly compiling: null; readonly error: ErrorReport };

export type RunStatus = Phase['status'];

/** Kernels compiled, of `total`. */
interface Compiling {
  readonly compiled: number;
  readonly total: number;
}

/**
 * What one run is doing. `unfinished`: its training ended before it did, or before it began. A run whose device is lost is
 * compiled again.
 */
export type RunStage =
  | {
      readonly stage: 'waiting' | 'compiling' | 'training' | 'unfinished';
      readonly summary: null;
      readonly error: null;
    }
  | { readonly stage: 'ended'; readonly summary: RunSummary; readonly error: null }
  /** `error` is why this run failed. */
  | { readonly stage: 'failed'; readonly summary: null; readonly error: ErrorReport };

/** The figures of a run at its newest step, copied from its log. */
export interface RunFigures {
  readonly latest: TimedStep | null;
  readonly valLoss: { readonly step: number; readonly value: number | null } | null;
  /** Live figure during training; for comparisons use the one in `summary`. */
  readonly tokensPerSec: number | null;
  readonly secondsLeft: readonly [number, number] | null;
}

export interface RunDetails {
  /** The run's name: the configuration's mode, or a variant of it. */
  readonly mode: VariantId;
  readonly config: TrainConfig;
  /** Null until it starts for the first time; a recording has none. */
  readonly facts: RunFacts | null;
  /** The newest warning of each kind, oldest first. */
  readonly warnings: readonly RunWarning[];
  /** Samples in the order of writing: during the run, at its end, on request. */
  readonly samples: readonly SampleText[];
}

/** One run as the page shows it. Its steps are in `logOf(index)`. */
export type RunView = RunStage & RunFigures & RunDetails;

/** A sample that is being written. */
export interface Writing extends SampleHeading {
  readonly run: number;
  readonly tokens: readonly SampledToken[];
}

type Gpu =
  | { readonly adapter: AdapterReport | null; readonly unsupported: null }
  | { readonly adapter: null; readonly unsupported: Unsupported };

interface Unsupported {
  readonly reason: UnsupportedReason;
  readonly error: ErrorReport | null;
}

type SampleAnswer =
  /** `sampling`: whether a requested sample is not finished yet. */
  | { readonly sampling: boolean; readonly sampleError: null }
  | { readonly sampling: false; readonly sampleError: ErrorReport };

interface ShownRuns {
  /** The configurations of the runs; unlike `runs`, the same object while they train. */
  readonly configs: readonly TrainConfig[];
  /** The settings the runs were started with; null when they came from elsewhere. */
  readonly startedWith: Settings | null;
  readonly runs: readonly RunView[];
  /** The steps of each run. They grow without a change of the store: read them again when `frame` changes. */
  readonly logs: readonly MetricsLog[];
  readonly schedule: Schedule;
  /**
   * A cell of a sweep and a row of the article's table are shown like any run, but stored with their sweep or table instead of
   * with the runs. A recording was trained elsewhere and is not stored.
   */
  readonly purpose: 'training' | 'sweep' | 'table' | 'recording';
  /**
   * Index of the run that is prepared or trained or, at the end, was trained last; in lockstep the first of its seed.
   */
  readonly active: number;
  /** The sample that is being written, up to its newest token. */
  readonly writing: Writing | null;
  /** Counts redraws. */
  readonly frame: number;
}

/** Changed only by the transitions of `runTransitions.ts`. */
export type RunState = Phase & Gpu & SampleAnswer & ShownRuns;

export const useRun = create<RunState>()(() => ({
  status: 'idle',
  compiling: null,
  error: null,
  adapter: null,
  unsupported: null,
  sampling: false,
  sampleError: null,
  configs: [],
  startedWith: null,
  runs: [],
  logs: [],
  schedule: 'sequential',
  purpose: 'training',
  active: 0,
  writing: null,
  frame: 0,
}));

export function logOf(run: number): MetricsLog | undefined {
  return useRun.getState().logs[run];
}

/**
 * Index of the run whose figures are shown while `run` trains: in lockstep the first of its seed that has not failed.
 */
export function leadingRun({ runs, schedule }: Pick<RunState, 'runs' | 'schedule'>, run: number): number {
  if (schedule === 'sequential') return run;
  const seed = runs[run]?.config.seed;
  const leading = runs.findIndex(({ config, error }) => config.seed === seed && !error);
  return leading < 0 ? run : leading;
}

/** Share of all runs' steps that is done, from 0 to 1; ended runs count as complete. */
export function overallProgress({ runs }: Pick<RunState, 'runs'>): number {
  const shares = runs.map(({ config, latest, summary, error }) =>
    summary || error ? 1 : (latest?.step ?? 0) / Math.max(1, config.steps),
  );
  return shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
}

/** Whether a training is in progress. */
export function isBusy({ status }: Pick<RunState, 'status'>): boolean {
  return status === 'preparing' || status === 'training' || status === 'paused' || status === 'stopping';
}

/**
 * Whether the trained models are on the GPU and no step is running: paused, finished, or after runs that failed by
 * themselves.
 */
export function isModelOnGpu({ status, error }: Pick<RunState, 'status' | 'error'>): boolean {
  return status === 'paused' || status === 'done' || (status === 'failed' && error === null);
}
