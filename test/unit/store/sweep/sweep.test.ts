import { beforeEach, describe, expect, test, vi } from 'vitest';
import { PRESETS } from '../../../../src/engine/config/presets.ts';
import type { SessionEvent } from '../../../../src/session/protocol.ts';
import { useHistory } from '../../../../src/store/history/historyStore.ts';
import { recordRuns } from '../../../../src/store/history/recorder.ts';
import type { Stored } from '../../../../src/store/history/storage.ts';
import { useRun } from '../../../../src/store/runStore.ts';
import { beginRuns } from '../../../../src/store/runTransitions.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../../../src/store/settings.ts';
import { DEFAULT_FORM, planSweep, type SweepForm } from '../../../../src/store/sweep/sweepPlan.ts';
import { keepSweepsIn, loadSweeps, removeSweep, useSweeps } from '../../../../src/store/sweep/sweepStore.ts';
import { eventually } from '../../eventually.ts';
import { record } from '../history/fixtures.ts';

vi.stubGlobal('document', { hidden: false, addEventListener: () => {}, baseURI: 'http://host/' });
const { applyEvent } = await import('../../../../src/store/events.ts');
const { continueSweep, startSweep, stopSweep } = await import('../../../../src/store/sweep/sweepRun.ts');

const SMOKE: Settings = { ...DEFAULT_SETTINGS, preset: 'smoke', steps: 3 };
const FORM: SweepForm = { ...DEFAULT_FORM, learningRates: '1e-3', seeds: '2' };
const plan = (change: Partial<SweepForm> = {}, settings: Settings = SMOKE) => {
  const planned = planSweep({ ...FORM, ...change }, settings);
  if ('problem' in planned) throw new Error(planned.problem.message);
  return planned.plan;
};

let entries: Map<string, unknown>;
let refused: Error | null;
keepSweepsIn({
  all: async () => [...entries].map(([id, value]) => ({ id, value })),
  put: async (some: readonly Stored[]) => {
    if (refused) throw refused;
    for (const { id, value } of some) entries.set(id, structuredClone(value));
  },
  change: async () => true,
  remove: async (ids) => {
    for (const id of ids) entries.delete(id);
  },
});
recordRuns();

beforeEach(() => {
  entries = new Map();
  refused = null;
  useSweeps.setState(useSweeps.getInitialState(), true);
  useRun.setState({ ...useRun.getInitialState(), adapter: { name: 'a GPU' } as never }, true);
});

/** The worker's events for the current cell. */
async function finishCell(change: object = {}, text: object = {}): Promise<void> {
  const { facts, summary } = record();
  const whole = { ...facts, text: { ...facts.text, checksum: 'abc', ...text } };
  const events: unknown[] = [
    { type: 'started', run: 0, config: useRun.getState().configs[0], facts: whole },
    { type: 'finished', run: 0, summary: { ...summary, steps: 3, valLoss: 2.5, ...change } },
    { type: 'completed' },
  ];
  for (const event of events) applyEvent(event as SessionEvent);
  await Promise.resolve(); // the next cell starts after all subscribers have seen the end of this one
}
const shown = () => useSweeps.getState().sweeps[0]!;
const places = () => shown().cells.map(({ mode, seed }) => `${mode} ${seed}`);
const atHand = () => useRun.getState().configs.map(({ precision, seed }) => `${precision} ${seed}`);

describe('a sweep', () => {
  test('trains cell after cell, stores each at once, and does not record them as runs', async () => {
    startSweep(plan());
    expect(atHand()).toEqual(['fp32 1337']);
    await finishCell();
    expect(atHand()).toEqual(['fp16 1337']);
    await eventually(() => expect(entries.size).toBe(2)); // the plan and the cell
    await finishCell({ valLoss: null });
    await finishCell();
    await finishCell();
    expect(useSweeps.getState().running).toBeNull();
    expect(places()).toEqual(['fp32 1337', 'fp16 1337', 'fp32 1338', 'fp16 1338']);
    expect(shown().cells[1]).toMatchObject({ loss: null, stopped: null });
    expect(useHistory.getState().runs).toEqual([]);
  });

  test('is restored from the database and continues where it was', async () => {
    startSweep(plan());
    await finishCell();
    await finishCell();
    await loadSweeps(); // after the current writes
    useSweeps.setState(useSweeps.getInitialState(), true);
    useRun.setState({ ...useRun.getInitialState(), adapter: { name: 'a GPU' } as never }, true);
    await loadSweeps();
    expect(places()).toEqual(['fp32 1337', 'fp16 1337']);
    continueSweep(shown().id);
    expect(atHand()).toEqual(['fp32 1338']);
    await finishCell();
    expect(atHand()).toEqual(['fp16 1338']);
    await finishCell();
    expect(places()).toHaveLength(4);
    await removeSweep(shown().id);
    expect(entries.size).toBe(0);
  });

  test('has a cell for a failed mode, and none for a stopped run', async () => {
    startSweep(plan());
    const error = { code: 'TOO_MANY_SKIPS', message: 'ten', hint: '' } as const;
    for (const event of [{ type: 'runFailed', run: 0, error }, { type: 'completed' }] as const)
      applyEvent(event);
    await Promise.resolve();
    expect(shown().cells[0]).toMatchObject({ loss: null, stopped: 'TOO_MANY_SKIPS' });
    stopSweep();
    await finishCell({ steps: 2 });
    expect(places()).toEqual(['fp32 1337']);
    expect(useSweeps.getState().running).toBeNull();
  });

  test('ends with both values when the text differs from the one it was started with', async () => {
    startSweep(plan());
    await finishCell();
    await finishCell({ steps: 1 }, { checksum: 'xyz' });
    expect(useSweeps.getState().ended?.problem.message).toContain('textChecksum was abc and is now xyz');
    expect(useSweeps.getState().running).toBeNull();
    expect(places()).toEqual(['fp32 1337']);
  });

  test('ends when another training is started in its place', async () => {
    startSweep(plan());
    beginRuns({ configs: [PRESETS.smoke.config], schedule: 'sequential' });
    expect(useSweeps.getState().running).toBeNull();
    expect(useSweeps.getState().ended).toBeNull();
  });

  test('reports that the browser stores nothing, and writes everything once it does', async () => {
    refused = new Error('no room');
    startSweep(plan());
    await finishCell();
    await loadSweeps();
    expect(useSweeps.getState().problem?.message).toContain('no room');
    expect(places()).toEqual(['fp32 1337']);
    refused = null;
    await finishCell();
    await loadSweeps();
    expect(useSweeps.getState().problem).toBeNull();
    expect(entries.size).toBe(3);
  });
});

describe('the form', () => {
  test('makes a plan with the settings of the Train screen, except for rate, seed and evaluations', () => {
    const settings: Settings = { ...SMOKE, lr: 5e-3, seed: 7, 'eval-every': 10, layers: 3, text: 'copy' };
    expect(plan({ otherModes: 'e5m2', steps: '9' }, settings)).toMatchObject({
      preset: 'smoke',
      given: { layers: 3, steps: 9 },
      text: 'copy',
      grid: { modes: ['fp32', 'fp16', 'e5m2'], learningRates: [1e-3], seeds: [7, 8] },
    });
    const { given } = plan({}, settings);
    for (const name of ['learningRate', 'seed', 'evalEvery']) expect(given).not.toHaveProperty(name);
  });

  test.each([
    [{ learningRates: '' }, 'has no learning rate'],
    [{ learningRates: '1e-3 many' }, '"many" is not a learning rate'],
    [{ modes: [] }, 'has no mode'],
    [{ otherModes: 'fp99' }, 'no precision mode "fp99"'],
    [{ otherModes: 'fp32' }, 'mode fp32 was given twice'],
    [{ seeds: '0' }, 'seeds is 0'],
    [{ seeds: 'x' }, '"x" is not a number of seeds'],
    [{ steps: 'x' }, '"x" is not a number of steps'],
    [{ steps: '-1' }, 'steps is -1'],
  ])('%j is refused by name', (change, message) => {
    const planned = planSweep({ ...FORM, ...change }, SMOKE);
    expect('problem' in planned && planned.problem.message).toContain(message);
  });
});
