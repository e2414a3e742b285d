/**
 * Every change of the shown runs. What arrives late changes no status: after Stop was pressed the runs are not shown as
 * still training, and after their end not as paused.
 */
import { type TrainConfig, tokensPerStep, type VariantId } from '../engine/index.ts';
import type {
  AdapterReport,
  ErrorReport,
  RunFacts,
  RunSummary,
  RunWarning,
  SampleText,
} from '../session/protocol.ts';
import { clockOf } from './comparison.ts';
import { MetricsLog } from './metricsLog.ts';
import {
  isBusy,
  leadingRun,
  type Phase,
  type RunDetails,
  type RunFigures,
  type RunStage,
  type RunState,
  type RunStatus,
  type RunView,
  useRun,
  type Writing,
} from './runStore.ts';
import type { Settings } from './settings.ts';
import { secondsLeft, tokensPerSecond } from './speed.ts';

export function gpuOpened(adapter: AdapterReport): void {
  useRun.setState({ adapter, unsupported: null });
}

export function gpuRefused(unsupported: NonNullable<RunState['unsupported']>): void {
  useRun.setState({ adapter: null, unsupported });
}

interface BeginningRuns extends Pick<RunState, 'configs' | 'schedule'> {
  /** Null, the default, when the configurations come from elsewhere. */
  readonly startedWith?: Settings | null;
  readonly purpose?: RunState['purpose'];
  /** Names of the runs; missing ones default to the precision mode. */
  readonly modes?: readonly VariantId[];
}

/** Replaces the shown runs by new, empty ones. */
export function beginRuns({
  configs,
  schedule,
  startedWith = null,
  purpose = 'training',
  modes = [],
}: BeginningRuns): void {
  const isRecording = purpose === 'recording';
  useRun.setState({
    // A recording is never training, and the title of the page must not say so.
    ...phase(isRecording ? 'idle' : 'preparing'),
    configs,
    startedWith,
    runs: configs.map(
      (config, i): RunView => ({
        ...stage(isRecording ? 'training' : 'waiting'),
        ...{ latest: null, valLoss: null, tokensPerSec: null, secondsLeft: null },
        ...{ mode: modes[i] ?? config.precision, config, facts: null, warnings: [], samples: [] },
      }),
    ),
    logs: configs.map(({ steps }) => new MetricsLog(steps)),
    schedule,
    purpose,
    active: 0,
    sampling: false,
    sampleError: null,
    writing: null,
    frame: 0,
  });
}

/** Sets the shown runs aside, so that others can be shown. Nothing may be training. @returns shows them again */
export function setRunsAside(): () => void {
  const { adapter: _a, unsupported: _u, frame: _f, ...shown } = useRun.getState();
  return () => useRun.setState(({ frame }) => ({ ...shown, frame: frame + 1 }));
}

/** A run is compiled, for the first time or after its device was lost, which may have interrupted a sample. */
export function runCompiling(run: number, compiling: NonNullable<RunState['compiling']>): void {
  useRun.setState((state) => ({
    ...inProgress(state, { status: 'preparing', compiling, error: null }),
    runs: changed(state, run, {}, stage('compiling')),
    active: leadingRun(state, run),
    writing: null,
  }));
}

/** @param config what is trained: its micro-batches may be smaller than requested */
export function runStarted(run: number, config: TrainConfig, facts: RunFacts): void {
  useRun.setState((state) => ({
    ...inProgress(state, phase('training')),
    runs: changed(state, run, { config, facts }, stage('training')),
    active: leadingRun(state, run),
  }));
}

export function runEnded(run: number, summary: RunSummary): void {
  useRun.setState((state) => ({ runs: changed(state, run, {}, { stage: 'ended', summary, error: null }) }));
}

/** This run cannot continue; the others can. */
export function runFailed(run: number, error: ErrorReport): void {
  useRun.setState((state) => {
    const runs = changed(state, run, {}, { stage: 'failed', summary: null, error });
    return { runs, active: leadingRun({ ...state, runs }, run) };
  });
}

export function trainingPaused(): void {
  useRun.setState((state) => inProgress(state, phase('paused')));
}

export function trainingResumed(): void {
  useRun.setState((state) => (state.status === 'paused' ? phase('training') : {}));
}

/** Stop was pressed: the training ends after its current step. */
export function trainingStopping(): void {
  useRun.setState((state) => inProgress(state, phase('stopping')));
}

/** The training ended: by itself, or stopped; before its first step, it leaves nothing. */
export function trainingCompleted(): void {
  useRun.setState(({ runs }) => {
    const some = (wanted: RunView['stage']) => runs.some((run) => run.stage === wanted);
    return {
      ...phase(some('ended') ? 'done' : some('failed') ? 'failed' : 'idle'),
      runs: runs.map(unfinished),
    };
  });
}

/** The training ended with an error: of its own, or because the GPU was lost for good. */
export function trainingFailed(status: 'failed' | 'lost', error: ErrorReport): void {
  const ended: Phase = { status, compiling: null, error };
  useRun.setState(({ runs }) => ({
    ...ended,
    runs: runs.map(unfinished),
    ...{ sampling: false, writing: null },
  }));
}

/**
 * Copies the newest figures from the logs, which redraws the page.
 * @param draws whether the charts are redrawn too
 */
export function figuresArrived(writing: Writing | null = null, draws = true): void {
  useRun.setState((state) => ({
    frame: draws ? state.frame + 1 : state.frame,
    writing,
    runs: state.runs.map((run, index) => ({ ...run, ...figuresOf(state, index) })),
  }));
}

function figuresOf({ runs, logs, schedule }: RunState, index: number): RunFigures {
  const [log, { config }] = [logs[index]!, runs[index]!];
  const lastEval = log.evals.at(-1);
  return {
    latest: log.at(-1),
    valLoss: lastEval ? { step: lastEval.step, value: lastEval.valLoss } : null,
    tokensPerSec: tokensPerSecond(log, tokensPerStep(config), log.length - 1, clockOf(schedule)),
    secondsLeft: secondsLeft(log, config.steps),
  };
}

export function sampleRequested(): void {
  useRun.setState({ sampling: true, sampleError: null });
}

export function sampleWritten(run: number, sample: SampleText): void {
  useRun.setState((state) => ({
    runs: changed(state, run, { samples: [...(state.runs[run]?.samples ?? []), sample] }),
    ...{ sampling: false, sampleError: null, writing: null },
  }));
}

export function sampleRefused(sampleError: ErrorReport): void {
  useRun.setState({ sampling: false, sampleError, writing: null });
}

export function addWarning(run: number, warning: RunWarning): void {
  useRun.setState((state) => ({
    runs: changed(state, run, { warnings: [...otherWarnings(state, run, warning), warning] }),
  }));
}

export function dismissWarning(run: number, warning: RunWarning): void {
  useRun.setState((state) => ({
    runs: changed(state, run, { warnings: otherWarnings(state, run, warning) }),
  }));
}

function otherWarnings({ runs }: RunState, run: number, { kind }: RunWarning): readonly RunWarning[] {
  return runs[run]?.warnings.filter((warning) => warning.kind !== kind) ?? [];
}

function changed(
  { runs }: RunState,
  run: number,
  details: Partial<RunDetails>,
  next: RunStage | null = null,
): readonly RunView[] {
  return runs.map((view, i) => (i === run ? { ...view, ...details, ...next } : view));
}

/** A run whose training has ended, and which had not. */
function unfinished(run: RunView): RunView {
  return run.stage === 'ended' || run.stage === 'failed' ? run : { ...run, ...stage('unfinished') };
}

/** The next phase of a training in progress, unless Stop was pressed. */
function inProgress(state: RunState, next: Phase): Phase | object {
  return isBusy(state) && state.status !== 'stopping' ? next : {};
}

function phase(status: Exclude<RunStatus, 'lost'>): Phase {
  return { status, compiling: null, error: null };
}

function stage(name: Exclude<RunStage['stage'], 'ended' | 'failed'>): RunStage {
  return { stage: name, summary: null, error: null };
}
