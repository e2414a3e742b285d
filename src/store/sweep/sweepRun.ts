/** Trains the missing cells of a sweep, one after the other, through the same worker as any training. */

import {
  cellOf,
  missingRuns,
  type PlannedRun,
  PRESETS,
  type Sweep,
  type SweepSettings,
  settingsDifferences,
  sweepSettings,
} from '../../engine/index.ts';
import { send, stop, textSource } from '../actions.ts';
import { clearNumerics } from '../numericsStore.ts';
import { isBusy, type RunState, useRun } from '../runStore.ts';
import { beginRuns } from '../runTransitions.ts';
import type { Problem } from '../settings.ts';
import type { OwnText } from '../settingsStore.ts';
import type { KeptSweep } from './records.ts';
import { type PlannedSweep, runsOfSweep } from './sweepPlan.ts';
import { putCell, putPlan, showSweep, sweepById, useSweeps } from './sweepStore.ts';

/** Starts a sweep and shows it. */
export function startSweep(plan: PlannedSweep): void {
  if (isBusy(useRun.getState())) return;
  const id = crypto.randomUUID();
  void putPlan({ ...plan, id, time: Date.now(), settings: null });
  showSweep(id);
  continueSweep(id);
}

/** Continues with the missing cells. */
export function continueSweep(id: string): void {
  if (isBusy(useRun.getState()) || !sweepById(id)) return;
  useSweeps.setState({ running: id, ended: null });
  nextCell(id);
}

/** Stops the sweep. Finished cells stay; the current cell is discarded. */
export function stopSweep(): void {
  const { running } = useSweeps.getState();
  useSweeps.setState({ running: null });
  if (running !== null) stop();
}

/** The reason why a sweep cannot continue now; null when it can. */
export function sweepObstacle({ text }: Pick<KeptSweep, 'text'>, ownText: OwnText): string | null {
  if (text !== 'own' || ownText.state === 'ready') return null;
  return 'It trains on your own text. Choose that text on the Train screen first.';
}

function nextCell(id: string): void {
  const sweep = sweepById(id);
  const planned = sweep && missingRuns(runsOfSweep(sweep), sweep.cells)[0];
  if (!sweep || !planned) {
    useSweeps.setState({ running: null });
    return;
  }
  const configs = [planned.config];
  const started = performance.now();
  beginRuns({ configs, schedule: 'sequential', purpose: 'sweep', modes: [planned.mode] });
  clearNumerics(configs);
  send({ type: 'train', configs, schedule: 'sequential', text: textSource(sweep.text) });
  const forget = useRun.subscribe((state, before) => {
    // Another training was started in its place.
    if (state.configs !== configs) {
      forget();
      end(id, null);
      return;
    }
    if (state.runs[0]?.facts && !before.runs[0]?.facts) checkSettings(id, state);
    if (isBusy(state)) return;
    forget();
    // Deferred, so that every subscriber sees the end of this run first.
    queueMicrotask(() => takeCell(id, planned, state, (performance.now() - started) / 1000));
  });
}

/**
 * The first cell fixes the settings that all cells must share; another text, adapter or version of the page ends the
 * sweep.
 */
function checkSettings(id: string, { runs, adapter }: RunState): void {
  const sweep = sweepById(id);
  const text = runs[0]?.facts?.text;
  if (!sweep || !text || !adapter) return;
  const { preset, given, settings } = sweep;
  const now = sweepSettings(PRESETS[preset].config, given, runsOfSweep(sweep), text, adapter.name);
  if (settings === null) {
    void putPlan({ ...sweep, settings: now });
    return;
  }
  const differences = settingsDifferences(settings, now);
  if (differences.length === 0) return;
  end(id, {
    message: `This sweep was started with other settings: ${differences.join('; ')}.`,
    hint: 'Its cells would not be comparable. Start a new sweep, or restore the settings it was started with.',
  });
  stop();
}

function takeCell(id: string, planned: PlannedRun, { runs, status, error }: RunState, seconds: number): void {
  const run = runs[0];
  const summary = run?.summary;
  const whole = summary && summary.steps >= planned.config.steps;
  if (whole) {
    const { valLoss: loss, steps, skippedSteps, tokensPerSec } = summary;
    void putCell(id, cellOf(planned, { loss, steps, skippedSteps, tokensPerSec, seconds, stopped: null }));
  } else if (run?.error) {
    const { step: steps = 0, skippedSteps = 0 } = run.latest ?? {};
    const { code: stopped } = run.error;
    void putCell(
      id,
      cellOf(planned, { loss: null, steps, skippedSteps, tokensPerSec: null, seconds, stopped }),
    );
  } else if (status === 'failed' || status === 'lost') {
    end(id, error && { message: error.message, hint: error.hint });
    return;
  } else {
    end(id, null); // it was stopped before its last step
    return;
  }
  // Another training may have been started, or the sweep stopped, meanwhile.
  if (useSweeps.getState().running === id && !isBusy(useRun.getState())) nextCell(id);
  else end(id, null);
}

function end(id: string, problem: Problem | null): void {
  const { running } = useSweeps.getState();
  if (running === id || problem) {
    useSweeps.setState({
      running: running === id ? null : running,
      ...(problem && { ended: { id, problem } }),
    });
  }
}

/** The sweep in its export format; null before its first cell has started. */
export function wholeSweep({ settings, grid, cells }: KeptSweep): Sweep | null {
  return settings && { settings: settings as SweepSettings, grid, cells };
}
