/** The article's table from its first measurement to its last row, with the worker's events in place of a GPU. */
import { beforeEach, expect, test, vi } from 'vitest';
import { TABLE_MODES } from '../../../../src/engine/experiments/articleTable.ts';
import { NON_FINITE_BIN, ZERO_BIN } from '../../../../src/engine/kernels/numerics.ts';
import type { SessionCommand, SessionEvent } from '../../../../src/session/protocol.ts';
import { record, step } from '../history/fixtures.ts';

const kept = new Map<string, string>();
vi.stubGlobal('localStorage', {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => kept.set(key, value),
});
vi.stubGlobal('document', { hidden: false, baseURI: 'http://page.test/', addEventListener: () => {} });
vi.stubGlobal('requestAnimationFrame', (tick: (now: number) => void) => setImmediate(() => tick(0)));
const sent: SessionCommand[] = [];
vi.mock('../../../../src/store/actions.ts', async () => {
  const { trainingStopping } = await import('../../../../src/store/runTransitions.ts');
  return {
    send: (command: SessionCommand) => sent.push(command),
    stop: trainingStopping,
    textSource: (id: string) => ({ kind: 'builtIn', id, folder: '' }),
  };
});

const { useRun } = await import('../../../../src/store/runStore.ts');
const { beginRuns } = await import('../../../../src/store/runTransitions.ts');
const { useNumerics } = await import('../../../../src/store/numericsStore.ts');
const { useTable } = await import('../../../../src/store/table/tableStore.ts');
const { startTable, stopTable } = await import('../../../../src/store/table/tableRun.ts');
const { readTable, tableText } = await import('../../../../src/store/table/record.ts');
const { applyEvent } = await import('../../../../src/store/events.ts');

const limits = { maxStorageBufferBindingSize: 2 ** 30, maxBufferSize: 2 ** 30 };
const BUDGET = 8 * 2 ** 20;

beforeEach(() => {
  kept.clear();
  sent.length = 0;
  useTable.setState({ ...useTable.getInitialState(), table: null }, true);
  useNumerics.setState({ ...useNumerics.getInitialState(), enabled: true, interval: 7 }, true);
  useRun.setState({ ...useRun.getInitialState(), adapter: { name: 'a GPU', limits } as never }, true);
});

const apply = (event: unknown) => applyEvent(event as SessionEvent);
const settled = () => new Promise((resolve) => setImmediate(resolve));

function finish(run: number, change: object = {}): void {
  const { facts, summary } = record();
  const config = useRun.getState().configs[run]!;
  apply({ type: 'started', run, config, facts });
  apply({
    type: 'finished',
    run,
    summary: { ...summary, steps: config.steps, startUpMs: 100, memory: { total: 1000 + run }, ...change },
  });
}

/** Ends the runs that are shown, at a speed. */
async function finishAll(tokensPerSec: number): Promise<void> {
  for (const run of useRun.getState().configs.keys()) finish(run, { tokensPerSec });
  apply({ type: 'completed' });
  await settled();
}

/** A frame with an activation gradient of which half is flushed, and a parameter without a gradient. */
function frame() {
  const bins = NON_FINITE_BIN + 1;
  const counts = new Uint32Array(bins * 2);
  counts[ZERO_BIN + 20] = 5; // far below what f16 holds
  counts[127] = 5;
  counts[bins + ZERO_BIN] = 8;
  const row = { layer: 0, format: 'f16-flush' };
  const rows = [
    { ...row, name: 'h.0.mlp gradient', kind: 'activationGradient' },
    { ...row, name: 'h.0.mlp.c_fc.weight', kind: 'parameterGradient' },
  ];
  return { step: 100, scale: 1, rows, counts, noise: [], cost: null };
}

test('one press measures, plans, trains every row, and names what is lost without a scaler', async () => {
  startTable(BUDGET);
  expect(useTable.getState().phase).toEqual({ name: 'measuring', preset: 'smoke' });
  expect(useRun.getState().purpose).toBe('table');
  // Nothing is counted while speeds are measured.
  expect(sent[0]).toEqual({ type: 'numerics', interval: null });
  await finishAll(50); // so slow that no larger preset is worth measuring
  const { phase, table } = useTable.getState();
  if (phase.name !== 'training') throw new Error(`the table is ${phase.name}`);
  expect(phase.plan).toMatchObject({ preset: 'smoke' });
  expect(table).toMatchObject({ adapter: 'a GPU', preset: 'smoke', rows: [], seconds: null });
  expect(useRun.getState().runs.map(({ mode }) => mode)).toEqual([...TABLE_MODES]);

  finish(0, { tokensPerSec: 1000, valLoss: 3.5 });
  const [first] = useTable.getState().table!.rows;
  expect(first).toMatchObject({ mode: 'fp32', tokensPerSec: 1000, bytes: 1000, valLoss: 3.5, problem: null });
  expect(first!.batch).toBe(phase.plan.runs[0]!.config.batch);
  // A reload finds the row; that the table is not complete shows in its seconds.
  expect(readTable(kept.get('halfstep.table')!)).toMatchObject({ rows: [{ mode: 'fp32' }], seconds: null });

  for (const run of [1, 2, 3]) finish(run, { tokensPerSec: 2000 });
  apply({
    type: 'metrics',
    run: 4,
    steps: [step(1), step(2, { skipped: true, overflow: 'h.1.attn gradient' })],
    evals: [],
    sharpness: [],
  });
  apply({ type: 'numerics', run: 4, frame: frame() });
  finish(4, { tokensPerSec: 2000, valLoss: null, skippedSteps: 1 });
  apply({ type: 'completed' });
  await settled();
  const whole = useTable.getState();
  expect(whole.phase).toEqual({ name: 'idle' });
  expect(whole.problem).toBeNull();
  expect(whole.table!.rows.map(({ mode }) => mode)).toEqual([...TABLE_MODES]);
  expect(whole.table!.seconds).toBeGreaterThan(0);
  expect(whole.table!.unscaled).toEqual({
    lostShare: 0.5,
    withoutGradient: ['h.0.mlp.c_fc.weight'],
    parameters: 1,
    worst: [{ name: 'h.0.mlp gradient', share: 0.5 }],
    nonFinite: ['h.1.attn gradient'],
  });
  expect(readTable(kept.get('halfstep.table')!)).toMatchObject(whole.table!);
  // Counting is as the visitor had it.
  expect(useNumerics.getState()).toMatchObject({ enabled: true, interval: 7 });
  expect(sent.at(-1)).toEqual({ type: 'numerics', interval: 7 });
});

test('a fast device is measured again with the larger preset that its speed promises', async () => {
  startTable(256 * 2 ** 20);
  await finishAll(1e7);
  const { phase } = useTable.getState();
  if (phase.name !== 'measuring') throw new Error(`the table is ${phase.name}`);
  expect(phase.preset).not.toBe('smoke');
  await finishAll(1e7);
  expect(useTable.getState().table?.estimate.measured).toBe(phase.preset);
});

test('a preset that was chosen is measured itself and trained whatever it takes', async () => {
  useTable.setState({ preset: 'starter' });
  startTable(64 * 2 ** 20);
  expect(useTable.getState().phase).toEqual({ name: 'measuring', preset: 'starter' });
  await finishAll(1);
  expect(useTable.getState().table).toMatchObject({ preset: 'starter', steps: 100 });
});

test('a budget that nothing fits is refused with both sizes before anything is sent to train', () => {
  startTable(2 ** 20);
  const { phase, problem } = useTable.getState();
  expect(phase.name).toBe('idle');
  expect(problem?.message).toMatch(/Smoke in fp32 needs .* MiB .* the budget is 1\.0 MiB/);
  expect(sent.some(({ type }) => type === 'train')).toBe(false);
  expect(useNumerics.getState().enabled).toBe(true);
});

test('Stop keeps the rows that have ended, and nothing follows a stopped measurement', async () => {
  startTable(BUDGET);
  for (const run of [0, 1, 2]) finish(run, { tokensPerSec: 50 });
  stopTable();
  apply({ type: 'completed' });
  await settled();
  expect(useTable.getState()).toMatchObject({ phase: { name: 'idle' }, table: null, problem: null });

  startTable(BUDGET);
  await finishAll(50);
  finish(0, { tokensPerSec: 1000 });
  stopTable();
  finish(1, { steps: 3 });
  apply({ type: 'completed' });
  await settled();
  const { phase, table, problem } = useTable.getState();
  expect([phase.name, problem, table!.seconds]).toEqual(['idle', null, null]);
  expect(table!.rows.map(({ mode }) => mode)).toEqual(['fp32']);
});

test('a mode that fails is a row with its reason; a lost GPU ends the table with the rows so far', async () => {
  startTable(BUDGET);
  await finishAll(50);
  finish(0, { tokensPerSec: 1000 });
  const error = { code: 'OUT_OF_MEMORY', message: 'The GPU ran out of memory.', hint: 'Use less.' };
  apply({ type: 'runFailed', run: 1, error });
  expect(useTable.getState().table!.rows[1]).toMatchObject({
    mode: 'tf32',
    tokensPerSec: null,
    problem: 'The GPU ran out of memory. Use less.',
  });
  apply({ type: 'lost', error: { code: 'DEVICE_LOST', message: 'The GPU was lost.', hint: 'Reload.' } });
  await settled();
  const { phase, problem, table } = useTable.getState();
  expect(phase.name).toBe('idle');
  expect(problem).toEqual({ message: 'The GPU was lost.', hint: 'Reload.' });
  expect(table).toMatchObject({ seconds: null, unscaled: null });
});

test('another training in its place ends it, and while one is running it does not start', async () => {
  startTable(BUDGET);
  await finishAll(50);
  beginRuns({ configs: [useRun.getState().configs[0]!], schedule: 'sequential' });
  expect(useTable.getState().phase.name).toBe('idle');
  const before = sent.length;
  startTable(BUDGET); // the other one is preparing
  expect(sent.length).toBe(before);
});

test('what is no table is not read', () => {
  for (const text of [null, '', '{', '[]', '{"version":2}', JSON.stringify({ version: 1, rows: [] })])
    expect(readTable(text), String(text)).toBeNull();
  const table = {
    ...{ time: 1, adapter: '<b>\u202eGPU</b>', preset: 'smoke', steps: 100, budget: 1, seconds: null },
    estimate: { seconds: 1, measured: 'smoke', flopsPerSec: 1, flopsPerToken: 1, larger: null },
    ...{ rows: [], unscaled: null },
  } as const;
  expect(readTable(tableText(table as never))).toMatchObject(table);
});
