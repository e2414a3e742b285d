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
import { MetricsLog } from './metricsLog.ts';
import type { Settings } from './settings.ts';

export type RunStatus =
  | 'idle'
  | 'preparing'
  | 'training'
  | 'paused'
  | 'stopping'
  | 'done'
  | 'failed'
  | 'lost';

/** One run as the page shows it. Its steps are in `logOf(index)`. */
export interface RunView {
  /** The run's name: the configuration's mode, or a variant of it. */
  readonly mode: VariantId;
  readonly config: TrainConfig;
  readonly facts: RunFacts | null;
  readonly latest: TimedStep | null;
  readonly valLoss: { readonly step: number; readonly value: number | null } | null;
  /** Live figure during training; for comparisons use the one in `summary`. */
  readonly tokensPerSec: number | null;
  readonly secondsLeft: readonly [number, number] | null;
  /** Kernels compiled for it, of `total`; null until its preparation begins. */
  readonly compiling: { readonly compiled: number; readonly total: number } | null;
  readonly summary: RunSummary | null;
  /** Why this run failed. */
  readonly error: ErrorReport | null;
  /** The newest warning of each kind, oldest first. */
  readonly warnings: readonly RunWarning[];
  /** Samples in the order of writing: during the run, at its end, on request. */
  readonly samples: readonly SampleText[];
}

/** A sample that is being written. */
export interface Writing extends SampleHeading {
  readonly run: number;
  readonly tokens: readonly SampledToken[];
}

export interface RunState {
  readonly status: RunStatus;
  readonly adapter: AdapterReport | null;
  readonly unsupported: { readonly reason: UnsupportedReason; readonly error: ErrorReport | null } | null;
  /** The configurations of the runs; unlike `runs`, the same object while they train. */
  readonly configs: readonly TrainConfig[];
  /** The settings the runs were started with; null when they came from elsewhere. */
  readonly startedWith: Settings | null;
  readonly runs: readonly RunView[];
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
  readonly compiling: { readonly compiled: number; readonly total: number } | null;
  readonly error: ErrorReport | null;
  /** Whether a requested sample is not finished yet. */
  readonly sampling: boolean;
  /** The sample that is being written, up to its newest token. */
  readonly writing: Writing | null;
  readonly sampleError: ErrorReport | null;
  /** Counts redraws: charts read the logs again when it changes. */
  readonly frame: number;
}

export const useRun = create<RunState>()(() => ({
  status: 'idle',
  adapter: null,
  unsupported: null,
  configs: [],
  startedWith: null,
  runs: [],
  schedule: 'sequential',
  purpose: 'training',
  active: 0,
  compiling: null,
  error: null,
  sampling: false,
  writing: null,
  sampleError: null,
  frame: 0,
}));

let logs: readonly MetricsLog[] = [];

export function logOf(run: number): MetricsLog | undefined {
  return logs[run];
}

/**
 * Replaces the shown runs by new, empty ones.
 * @param modes names of the runs; missing ones default to the precision mode
 */
export function beginRuns(
  configs: readonly TrainConfig[],
  schedule: Schedule,
  startedWith: Settings | null = null,
  purpose: RunState['purpose'] = 'training',
  modes: readonly VariantId[] = [],
): void {
  logs = configs.map(({ steps }) => new MetricsLog(steps));
  useRun.setState({
    // A recording is never training, and the title of the page must not say so.
    status: purpose === 'recording' ? 'idle' : 'preparing',
    configs,
    startedWith,
    runs: configs.map((config, i) => emptyRun(config, modes[i] ?? config.precision)),
    schedule,
    purpose,
    active: 0,
    compiling: null,
    error: null,
    sampling: false,
    writing: null,
    sampleError: null,
    frame: 0,
  });
}

/** Sets the shown runs aside, so that others can be shown. Nothing may be training. @returns shows them again */
export function setRunsAside(): () => void {
  const { adapter: _a, unsupported: _u, frame: _f, ...shown } = useRun.getState();
  const kept = logs;
  return () => {
    logs = kept;
    useRun.setState(({ frame }) => ({ ...shown, frame: frame + 1 }));
  };
}

export function addWarning(run: number, warning: RunWarning): void {
  updateRun(run, { warnings: [...otherWarnings(run, warning), warning] });
}

export function dismissWarning(run: number, warning: RunWarning): void {
  updateRun(run, { warnings: otherWarnings(run, warning) });
}

function otherWarnings(run: number, { kind }: RunWarning): readonly RunWarning[] {
  return useRun.getState().runs[run]?.warnings.filter((warning) => warning.kind !== kind) ?? [];
}

export function updateRun(run: number, change: Partial<RunView>): void {
  useRun.setState((state) => ({
    runs: state.runs.map((view, i) => (i === run ? { ...view, ...change } : view)),
  }));
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

export function isBusy(status: RunStatus): boolean {
  return status === 'preparing' || status === 'training' || status === 'paused' || status === 'stopping';
}

/**
 * Whether the trained models are on the GPU and no step is running: paused, finished, or after runs that failed by
 * themselves.
 */
export function isModelOnGpu({ status, error }: Pick<RunState, 'status' | 'error'>): boolean {
  return status === 'paused' || status === 'done' || (status === 'failed' && error === null);
}

function emptyRun(config: TrainConfig, mode: VariantId): RunView {
  return {
    mode,
    config,
    facts: null,
    latest: null,
    valLoss: null,
    tokensPerSec: null,
    secondsLeft: null,
    compiling: null,
    summary: null,
    error: null,
    warnings: [],
    samples: [],
  };
}
