import { beforeEach, expect, test } from 'vitest';
import {
  addRuns,
  changeRun,
  importRuns,
  loadHistory,
  removeRuns,
  undoRemove,
} from '../../../../src/store/history/history.ts';
import { useHistory } from '../../../../src/store/history/historyStore.ts';
import { runName } from '../../../../src/store/history/names.ts';
import type { RunStorage } from '../../../../src/store/history/storage.ts';
import { keepRunsIn } from '../../../../src/store/history/writing.ts';
import { record } from './fixtures.ts';

const kept = new Map<string, unknown>();
let room = Number.POSITIVE_INFINITY;

const storage: RunStorage = {
  all: async () => [...kept].map(([id, value]) => ({ id, value })),
  put: async (entries) => {
    const ids = new Set([...kept.keys(), ...entries.map(({ id }) => id)]);
    if (ids.size > room) throw new DOMException('no room', 'QuotaExceededError');
    for (const { id, value } of entries) kept.set(id, structuredClone(value));
  },
  change: async (id, fields) => {
    const value = kept.get(id);
    if (value !== undefined) kept.set(id, structuredClone({ ...(value as object), ...fields }));
    return value !== undefined;
  },
  remove: async (ids) => {
    for (const id of ids) kept.delete(id);
  },
};

/** Resets the stores as for a newly opened page. */
function reload() {
  useHistory.setState(useHistory.getInitialState(), true);
}

beforeEach(() => {
  kept.clear();
  room = Number.POSITIVE_INFINITY;
  reload();
  keepRunsIn(storage);
});

const ids = () => useHistory.getState().runs.map(({ id }) => id);

test('runs survive a reload, newest first, with their changes', async () => {
  await addRuns([record({ id: 'old', time: 1 })]);
  await addRuns([record({ id: 'new', time: 2 })]);
  await changeRun('old', { name: '<b>mine</b>', starred: true, note: 'keep' });
  reload();
  expect(ids()).toEqual([]);
  await loadHistory();
  expect(ids()).toEqual(['new', 'old']);
  expect(useHistory.getState().runs[1]).toMatchObject({ name: '<b>mine</b>', starred: true, note: 'keep' });
});

test('a deleted run can be restored', async () => {
  await addRuns([record({ id: 'a', time: 1 }), record({ id: 'b', time: 2 })]);
  await removeRuns(['a']);
  expect([ids(), [...kept.keys()]]).toEqual([['b'], ['b']]);
  await undoRemove();
  expect(ids()).toEqual(['b', 'a']);
  expect([...kept.keys()].sort()).toEqual(['a', 'b']);
  expect(useHistory.getState().removed).toEqual([]);
});

test('a full storage loses nothing, is reported, and is written to when there is room again', async () => {
  room = 1;
  await addRuns([record({ id: 'a' })]);
  await addRuns([record({ id: 'b' })]);
  expect(ids().sort()).toEqual(['a', 'b']);
  expect([...useHistory.getState().unsaved]).toEqual(['b']);
  expect(useHistory.getState().problem?.message).toMatch(/storage for this page is full/);

  await loadHistory(); // loading again does not drop runs that exist only in this tab
  expect(ids().sort()).toEqual(['a', 'b']);

  await removeRuns(['a']);
  expect([...kept.keys()]).toEqual(['b']);
  expect(useHistory.getState()).toMatchObject({ problem: null, unsaved: new Set() });
});

test('of several runs that do not all fit, those that fit are stored', async () => {
  room = 2;
  await addRuns([record({ id: 'a' }), record({ id: 'b' }), record({ id: 'c' })]);
  expect(kept.size).toBe(2);
  expect(useHistory.getState().unsaved.size).toBe(1);
  expect(useHistory.getState().runs).toHaveLength(3);
});

test('a storage that refuses everything leaves the runs in the tab', async () => {
  const refuse = () => Promise.reject(new DOMException('blocked', 'SecurityError'));
  keepRunsIn({ all: refuse, put: refuse, change: refuse, remove: refuse });
  await addRuns([record({ id: 'a' })]);
  await loadHistory();
  await changeRun('a', { name: 'still here' });
  expect(useHistory.getState().runs).toMatchObject([{ id: 'a', name: 'still here' }]);
  expect(useHistory.getState().problem?.message).toMatch(/does not let the page store runs.*blocked/);
});

test('an unreadable record is kept, reported, and deleted only on request', async () => {
  kept.set('broken', { version: 1, name: '<img src=x>' });
  kept.set('later', { ...record({ id: 'later' }), version: 9 });
  kept.set('nothing', null);
  await addRuns([record({ id: 'good' })]);
  await loadHistory();
  const { unreadable } = useHistory.getState();
  expect(ids()).toEqual(['good']);
  expect(unreadable.map(({ id }) => id)).toEqual(['broken', 'later', 'nothing']);
  expect(unreadable[1]!.why).toMatch(/^version: /);
  expect(kept.size).toBe(4);
  await removeRuns(['broken']);
  expect(kept.has('broken')).toBe(false);
  await undoRemove();
  expect(kept.get('broken')).toEqual({ version: 1, name: '<img src=x>' });
  expect(useHistory.getState().unreadable).toHaveLength(3);
});

test('an import adds new runs and changes no existing ones', async () => {
  await addRuns([record({ id: 'a', name: 'renamed' })]);
  reload(); // stored runs are known even though they were not loaded yet
  const added = await importRuns([record({ id: 'a' }), record({ id: 'b' }), record({ id: 'b' })]);
  expect(added).toBe(1);
  expect(useHistory.getState().runs.find(({ id }) => id === 'a')?.name).toBe('renamed');
  expect([...kept.keys()].sort()).toEqual(['a', 'b']);
});

test('a change made while the run is being written is written too', async () => {
  const first = addRuns([record({ id: 'a' })]);
  const second = changeRun('a', { name: 'later' });
  await Promise.all([first, second]);
  expect(kept.get('a')).toMatchObject({ name: 'later' });
  expect(useHistory.getState().unsaved.size).toBe(0);
});

test('changes of another tab are kept, whatever this tab changes', async () => {
  await addRuns([record({ id: 'a', name: 'first' })]);
  kept.set('a', record({ id: 'a', name: 'renamed elsewhere', starred: true }));
  await changeRun('a', { note: 'mine' });
  expect(kept.get('a')).toMatchObject({ name: 'renamed elsewhere', starred: true, note: 'mine' });
});

test('a change does not restore a run that another tab deleted', async () => {
  await addRuns([record({ id: 'a' }), record({ id: 'b' })]);
  kept.delete('a');
  await changeRun('a', { starred: true });
  expect([[...kept.keys()], ids()]).toEqual([['b'], ['b']]);
});

test('a change that cannot be written overrides what is loaded, and is written later', async () => {
  await addRuns([record({ id: 'a' })]);
  const full = () => Promise.reject(new DOMException('no room', 'QuotaExceededError'));
  keepRunsIn({ ...storage, change: full });
  await changeRun('a', { note: 'mine' });
  kept.set('a', record({ id: 'a', starred: true }));
  await loadHistory();
  expect(useHistory.getState().runs).toMatchObject([{ id: 'a', note: 'mine', starred: true }]);
  expect(useHistory.getState().problem?.message).toMatch(/full/);
  keepRunsIn(storage);
  await addRuns([record({ id: 'b' })]);
  expect(kept.get('a')).toMatchObject({ note: 'mine', starred: true });
  expect(useHistory.getState()).toMatchObject({ problem: null, changes: new Map() });
});

test('names are derived from the id and differ', () => {
  expect(runName('one')).toBe(runName('one'));
  const names = new Set(Array.from({ length: 500 }, (_, i) => runName(`run-${i}`)));
  expect(names.size).toBeGreaterThan(450);
  for (const name of names) expect(name).toMatch(/^[a-z]+ [a-z]+$/);
});
