/** Records every run that ends by watching the run store. Training never waits for it. */
import * as v from 'valibot';
import { tokensPerStep } from '../../engine/index.ts';
import { logOf, type RunState, type RunView, useRun } from '../runStore.ts';
import { useSettings } from '../settingsStore.ts';
import { curveOf } from './curve.ts';
import { addRuns, changeRun, reportUnrecorded } from './history.ts';
import { runName } from './names.ts';
import { describeIssue, MAX_SAMPLES, RECORD_VERSION, type RunRecord, runRecord } from './record.ts';

interface Start {
  readonly id: string;
  readonly preset: string;
  /** Ids of the records written so far, by index of the run. */
  readonly saved: Map<number, string>;
}

/** Called once at start. Runs that started before are recorded too. */
export function recordRuns(): void {
  // Runs that were set aside and are shown again have the same configurations and are not recorded twice.
  const starts = new WeakMap<RunState['configs'], Start | null>();
  const startFor = (state: RunState): Start | null => {
    if (!starts.has(state.configs)) starts.set(state.configs, startOf(state));
    return starts.get(state.configs)!;
  };
  let start = startFor(useRun.getState());
  useRun.subscribe((state, before) => {
    if (state.configs !== before.configs) start = startFor(state);
    const changed = state.runs !== before.runs || state.status !== before.status;
    if (!start || !changed) return;
    for (const [index, run] of state.runs.entries()) {
      const id = start.saved.get(index);
      if (id === undefined) recordEnd(state, index, start);
      else if (run.samples !== before.runs[index]?.samples) void changeRun(id, { samples: keptSamples(run) });
    }
  });
}

function startOf({ configs, purpose, startedWith }: RunState): Start | null {
  if (configs.length === 0 || purpose !== 'training') return null;
  const { preset } = startedWith ?? useSettings.getState().settings;
  return { id: crypto.randomUUID(), preset, saved: new Map() };
}

function recordEnd(state: RunState, index: number, start: Start): void {
  const run = state.runs[index]!;
  const outcome = outcomeOf(state, run);
  const log = logOf(index);
  const { facts, summary, config } = run;
  // A run without a first step has nothing to compare; the page has already shown why it ended.
  if (!outcome || !log || log.length === 0 || !facts) return;
  // A finished run that was only reopened is already recorded.
  if (facts.resumedAt >= (log.at(-1)?.step ?? 0)) return;
  const id = crypto.randomUUID();
  start.saved.set(index, id);
  // Validated before it is written, so that everything written can be read; fields outside the schema are dropped here.
  const record = v.safeParse(runRecord, {
    version: RECORD_VERSION,
    id,
    start: start.id,
    name: runName(id),
    note: '',
    starred: false,
    time: Date.now(),
    outcome,
    error: run.error ?? (outcome === 'failed' ? state.error : null),
    preset: start.preset,
    config,
    variant: run.mode,
    facts,
    summary,
    evals: log.evals,
    sharpness: log.sharpness,
    // In lockstep the times between steps include the other modes.
    curve: curveOf(log, state.schedule === 'lockstep' ? null : tokensPerStep(config)),
    samples: keptSamples(run),
  });
  if (record.success) void addRuns([record.output]);
  else reportUnrecorded(describeIssue(record.issues[0]));
}

/** How the run ended; null while it continues. */
function outcomeOf({ status }: RunState, run: RunView): RunRecord['outcome'] | null {
  if (run.summary)
    return run.summary.steps < run.config.steps && !run.summary.endedEarly ? 'stopped' : 'finished';
  return run.error || status === 'failed' || status === 'lost' ? 'failed' : null;
}

/** The newest samples, without token probabilities, which would take more space than the rest of the run. */
function keptSamples({ samples }: RunView): RunRecord['samples'] {
  return samples.slice(-MAX_SAMPLES).map(({ prompt, text, step }) => ({ prompt, text, step }));
}
