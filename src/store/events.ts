import type { SessionEvent } from '../session/protocol.ts';
import { applyFileEvent } from './files.ts';
import { applyMeasurement } from './measurementStore.ts';
import { applyStepTime } from './myText/stepTimes.ts';
import { takeFrame, takeInspection, useNumerics } from './numericsStore.ts';
import { applyTextEvent } from './ownText.ts';
import { Pulse } from './pulse.ts';
import { logOf } from './runStore.ts';
import {
  addWarning,
  figuresArrived,
  gpuOpened,
  gpuRefused,
  runCompiling,
  runEnded,
  runFailed,
  runStarted,
  trainingCompleted,
  trainingFailed,
  trainingPaused,
  trainingResumed,
} from './runTransitions.ts';
import { applySampleEvent, forgetWriting, writingNow } from './samples.ts';
import { applySaveEvent } from './savedRun.ts';

const pulse = new Pulse(paint);

/** Updates the stores with an event of the worker. */
export function applyEvent(event: SessionEvent): void {
  switch (event.type) {
    case 'opened':
      gpuOpened(event.report);
      break;
    case 'unsupported':
      gpuRefused({ reason: event.reason, error: event.error });
      break;
    case 'textProgress':
    case 'textChecked':
    case 'textRefused':
      applyTextEvent(event);
      break;
    case 'preparing':
      forgetWriting(); // a lost device may have interrupted a sample
      runCompiling(event.run, { compiled: event.compiled, total: event.total });
      break;
    case 'started':
      runStarted(event.run, event.config, event.facts);
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
      trainingPaused();
      break;
    case 'resumed':
      trainingResumed();
      break;
    case 'sampling':
    case 'sampleTokens':
    case 'sampled':
    case 'sampleRefused':
      applySampleEvent(event);
      pulse.request();
      break;
    case 'finished':
      runEnded(event.run, event.summary);
      pulse.now();
      break;
    case 'runFailed':
      runFailed(event.run, event.error);
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
      trainingCompleted();
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
      forgetWriting();
      trainingFailed(event.type, event.error);
      pulse.now();
      break;
  }
}

/** Copies the newest figures into the store, which redraws the page; while it is hidden, not the charts. */
function paint(): void {
  figuresArrived(writingNow(), !document.hidden);
}
