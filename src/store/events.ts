import { tokensPerStep } from '../engine/index.ts';
import type { SessionEvent } from '../session/protocol.ts';
import { clockOf } from './comparison.ts';
import { applyFileEvent } from './files.ts';
import { applyMeasurement } from './measurementStore.ts';
import { applyStepTime } from './myText/stepTimes.ts';
import { takeFrame, takeInspection, useNumerics } from './numericsStore.ts';
import { applyTextEvent } from './ownText.ts';
import { Pulse } from './pulse.ts';
import { addWarning, leadingRun, logOf, type RunStatus, updateRun, useRun } from './runStore.ts';
import { applySampleEvent, endWriting, writingNow } from './samples.ts';
import { applySaveEvent } from './savedRun.ts';
import { secondsLeft, tokensPerSecond } from './speed.ts';

const pulse = new Pulse(paint);

/** Updates the stores with an event of the worker. */
export function applyEvent(event: SessionEvent): void {
  switch (event.type) {
    case 'opened':
      useRun.setState({ adapter: event.report });
      break;
    case 'unsupported':
      useRun.setState({ unsupported: { reason: event.reason, error: event.error } });
      break;
    case 'textProgress':
    case 'textChecked':
    case 'textRefused':
      applyTextEvent(event);
      break;
    case 'preparing': {
      const { compiled, total } = event;
      endWriting(); // a lost device may have interrupted a sample
      updateRun(event.run, { compiling: { compiled, total } });
      useRun.setState({ active: leadingRun(useRun.getState(), event.run), compiling: { compiled, total } });
      changeStatus('preparing');
      break;
    }
    case 'started':
      updateRun(event.run, { config: event.config, facts: event.facts });
      useRun.setState({ active: leadingRun(useRun.getState(), event.run), compiling: null });
      changeStatus('training');
      break;
    case 'metrics': {
      const log = logOf(event.run);
      for (const step of event.steps) log?.push(step);
      log?.evals.push(...event.evals);
      log?.sharpness.push(...event.sharpness);
      pulse.request();
      break;
    }
    case 'fileProgress':
    case 'fileOpened':
    case 'fileRefused':
    case 'textScored':
    case 'scoreRefused':
    case 'scoreCancelled':
    case 'exported':
    case 'exportRefused':
      applyFileEvent(event);
      break;
    case 'savedRuns':
    case 'forgetRefused':
    case 'autosaved':
    case 'autosaveFailed':
      applySaveEvent(event);
      break;
    case 'warning':
      addWarning(event.run, event.warning);
      break;
    case 'paused':
      changeStatus('paused');
      break;
    case 'resumed':
      changeStatus('training');
      break;
    case 'sampling':
    case 'sampleTokens':
    case 'sampled':
    case 'sampleRefused':
      applySampleEvent(event);
      pulse.request();
      break;
    case 'finished':
      updateRun(event.run, { summary: event.summary });
      pulse.now();
      break;
    case 'runFailed':
      updateRun(event.run, { error: event.error });
      useRun.setState((state) => ({ active: leadingRun(state, event.run) }));
      pulse.now();
      break;
    case 'numerics':
      takeFrame(event.run, event.frame);
      break;
    case 'inspected':
      takeInspection(event.run, event.what, event.frame);
      break;
    case 'numericsRefused':
      useNumerics.setState({ error: event.error, inspecting: null });
      break;
    case 'completed':
      useRun.setState({ status: endStatus(), compiling: null });
      pulse.now();
      break;
    case 'benchmarked':
    case 'benchmarkRefused':
    case 'benchmarkCancelled':
    case 'batchTried':
    case 'batchConfirmed':
    case 'batchRefused':
    case 'batchCancelled':
      applyMeasurement(event);
      break;
    case 'stepMeasured':
    case 'stepRefused':
    case 'stepCancelled':
      applyStepTime(event);
      break;
    case 'failed':
    case 'lost':
      endWriting();
      useRun.setState({ status: event.type, error: event.error, compiling: null, sampling: false });
      pulse.now();
      break;
  }
}

/** The status after the end: idle when the training was stopped before its first step. */
function endStatus(): RunStatus {
  const { runs } = useRun.getState();
  if (runs.some((run) => run.summary)) return 'done';
  return runs.some((run) => run.error) ? 'failed' : 'idle';
}

/** Changes the status, unless Stop was pressed: events in transit must not show the run as still training. */
function changeStatus(status: RunStatus): void {
  if (useRun.getState().status !== 'stopping') useRun.setState({ status });
}

/** Copies the newest figures into the store, which redraws the page; while it is hidden, not the charts. */
function paint(): void {
  const clock = clockOf(useRun.getState().schedule);
  useRun.setState((state) => ({
    frame: document.hidden ? state.frame : state.frame + 1,
    writing: writingNow(),
    runs: state.runs.map((run, index) => {
      const log = logOf(index);
      if (!log) return run;
      const lastEval = log.evals.at(-1);
      return {
        ...run,
        latest: log.at(-1),
        valLoss: lastEval ? { step: lastEval.step, value: lastEval.valLoss } : null,
        tokensPerSec: tokensPerSecond(log, tokensPerStep(run.config), log.length - 1, clock),
        secondsLeft: secondsLeft(log, run.config.steps),
      };
    }),
  }));
}
