/** Makes the article's table: times a few steps, plans, and trains every row through the same worker as any training. */
import {
  afterMeasuring,
  DEFAULT_TEXT,
  findUnscaled,
  type MeasuredSpeed,
  measuredSpeed,
  measuringRuns,
  type PlannedRun,
  planLimits,
  TABLE_PRESETS,
  type TableBudget,
  type TablePlan,
  type TablePreset,
  UNSCALED_MODE,
} from '../../engine/index.ts';
import { send, stop, textSource } from '../actions.ts';
import { countEvery } from '../counting.ts';
import { clearNumerics, showFrames, useNumerics } from '../numericsStore.ts';
import { isBusy, logOf, type RunState, type RunView, useRun } from '../runStore.ts';
import { beginRuns } from '../runTransitions.ts';
import { type Problem, problemOf } from '../settings.ts';
import { rowOfMode, type TableRow } from './record.ts';
import { keepTable, useTable } from './tableStore.ts';

/** Makes the table within a budget in bytes. */
export function startTable(bytes: number): void {
  const { adapter, status } = useRun.getState();
  if (!adapter || isBusy({ status })) return;
  const budget = { bytes, limits: planLimits(adapter.limits) };
  const { preset } = useTable.getState();
  useTable.setState({ problem: null });
  // Counting would slow the rows down; gradients are counted once after the last step of each.
  const restore = countEvery(null);
  measure(preset ?? TABLE_PRESETS[0], budget, restore);
}

/** Stops after the current step. Rows that have ended stay. */
export function stopTable(): void {
  if (useTable.getState().phase.name !== 'idle') stop();
}

/** @param restore called at the end of everything */
function measure(preset: TablePreset, budget: TableBudget, restore: () => void): void {
  let runs: PlannedRun[] = [];
  const refusal = problemOf(() => {
    runs = measuringRuns(preset, budget);
  });
  if (refusal) {
    end(refusal, restore);
    return;
  }
  useTable.setState({ phase: { name: 'measuring', preset } });
  train(runs, {
    ended: (state, stopped) => {
      const speed = stopped ? null : speedOf(preset, state);
      if (speed) next(speed, budget, restore);
      else end(whyEnded(state), restore);
    },
    replaced: () => end(null, restore),
  });
}

/** Measures a larger preset that the speed promises, or trains the table. */
function next(speed: MeasuredSpeed, budget: TableBudget, restore: () => void): void {
  let follows: ReturnType<typeof afterMeasuring> | undefined;
  const refusal = problemOf(() => {
    follows = afterMeasuring(useTable.getState().preset, budget, speed);
  });
  if (!follows) end(refusal, restore);
  else if ('measure' in follows) measure(follows.measure, budget, restore);
  else trainTable(follows.plan, budget, restore);
}

function trainTable(plan: TablePlan, { bytes }: TableBudget, restore: () => void): void {
  const begun = performance.now();
  keepTable({
    time: Date.now(),
    adapter: useRun.getState().adapter!.name,
    preset: plan.preset,
    steps: plan.steps,
    budget: bytes,
    estimate: plan.estimate,
    seconds: null,
    rows: [],
    unscaled: null,
  });
  useTable.setState({ phase: { name: 'training', plan } });
  train(plan.runs, {
    changed: ({ runs }) => takeRows(plan, runs),
    ended: (state) => {
      takeRows(plan, state.runs);
      takeUnscaled(state.runs);
      const { table } = useTable.getState();
      const isWhole = table?.rows.length === plan.runs.length;
      if (isWhole) keepTable({ ...table, seconds: (performance.now() - begun) / 1000 });
      end(isWhole ? null : whyEnded(state), restore);
    },
    replaced: () => end(null, restore),
  });
}

interface Watching {
  readonly changed?: (state: RunState) => void;
  /** @param stopped whether Stop was pressed, here or in the Lab */
  readonly ended: (state: RunState, stopped: boolean) => void;
  /** Another training was started in its place. */
  readonly replaced: () => void;
}

function train(runs: readonly PlannedRun[], { changed, ended, replaced }: Watching): void {
  const configs = runs.map(({ config }) => config);
  beginRuns({ configs, schedule: 'sequential', purpose: 'table', modes: runs.map(({ mode }) => mode) });
  clearNumerics(configs);
  send({ type: 'train', configs, schedule: 'sequential', text: textSource(DEFAULT_TEXT) });
  const forget = useRun.subscribe((state, before) => {
    if (state.configs !== configs) {
      forget();
      replaced();
      return;
    }
    const hasEnded = !isBusy(state);
    if (state.runs !== before.runs && !hasEnded) changed?.(state);
    if (!hasEnded) return;
    forget();
    // Deferred, so that every subscriber sees the end of these runs first.
    const stopped = before.status === 'stopping';
    queueMicrotask(() => ended(state, stopped));
  });
}

/** Null unless every run was measured. */
function speedOf(preset: TablePreset, { runs }: RunState): MeasuredSpeed | null {
  const measured = runs.flatMap(({ summary }) => {
    const { tokensPerSec, startUpMs } = summary ?? {};
    return tokensPerSec != null && startUpMs != null ? [{ tokensPerSec, startUpMs }] : [];
  });
  return measured.length === runs.length ? measuredSpeed(preset, measured) : null;
}

/** Keeps the rows whose runs have ended since. */
function takeRows(plan: TablePlan, runs: readonly RunView[]): void {
  const { table } = useTable.getState();
  if (!table) return;
  const rows = runs.flatMap((run, i) => rowOf(plan.runs[i]!, run) ?? []);
  if (rows.length > table.rows.length) keepTable({ ...table, rows });
}

/** Null for a run that has not ended, or was stopped before its last step. */
function rowOf({ mode, largest }: TablePlan['runs'][number], run: RunView): TableRow | null {
  const { summary, error, latest, facts } = run;
  if (!error && (!summary || summary.steps < run.config.steps)) return null;
  return {
    mode,
    batch: run.config.batch,
    limitedBy: largest.limitedBy,
    tokensPerSec: summary?.tokensPerSec ?? null,
    bytes: (summary ?? facts)?.memory.total ?? largest.bytes,
    valLoss: summary?.valLoss ?? null,
    steps: summary?.steps ?? latest?.step ?? 0,
    skippedSteps: summary?.skippedSteps ?? latest?.skippedSteps ?? 0,
    problem: error && `${error.message} ${error.hint}`,
  };
}

function takeUnscaled(runs: readonly RunView[]): void {
  const { table } = useTable.getState();
  const index = runs.findIndex(({ mode }) => mode === UNSCALED_MODE);
  const [run, log] = [runs[index], logOf(index)];
  if (!table || !run || !log || !rowOfMode(table, UNSCALED_MODE)) return;
  showFrames();
  const frame = useNumerics.getState().frames.get(index)?.gradients ?? null;
  const overflows = Array.from({ length: log.length }, (_, i) => log.at(i)?.overflow ?? null);
  keepTable({ ...table, unscaled: findUnscaled(run.config, frame, overflows) });
}

/** Null when it was stopped. */
function whyEnded({ error, runs }: RunState): Problem | null {
  const reported = error ?? runs.find((run) => run.error)?.error;
  return reported ? { message: reported.message, hint: reported.hint } : null;
}

function end(problem: Problem | null, restore: () => void): void {
  restore();
  useTable.setState({ phase: { name: 'idle' }, problem });
}
