import { afterEach, expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { StoredRun } from '../../../src/session/protocol.ts';
import {
  applySaveEvent,
  autosaveMs,
  isSaved,
  nextReplaced,
  otherStoredRuns,
  replacedBy,
  runContinues,
  useSavedRun,
} from '../../../src/store/savedRun.ts';

const before = useSavedRun.getState();
afterEach(() => useSavedRun.setState(before, true));

function run(place: 0 | 1, step: number, savedAt: number, ended = true): StoredRun {
  const text = { name: 'Moby Dick', checksum: '', tokens: null, builtin: 'moby-dick' } as const;
  return { place, ended, step, savedAt, bytes: 1, text, config: { ...PRESETS.smoke.config, steps: 60 } };
}

const others = (onGpu = true) => otherStoredRuns(useSavedRun.getState(), onGpu).map(({ place }) => place);

test('stored runs are offered, newest first, except for the shown run', () => {
  applySaveEvent({ type: 'savedRuns', stored: [run(0, 60, 1), run(1, 60, 2)], unreadable: [] });
  expect(others()).toEqual([1, 0]);
  applySaveEvent({ type: 'autosaved', run: 0, place: 1, step: 5, storage: null, pauses: false });
  expect(others()).toEqual([0]);
  // The GPU is lost, so the shown run is available only from the storage.
  expect(others(false)).toEqual([1, 0]);
  // A new training is shown; its first save reports whether and where it is saved.
  autosaveMs(1);
  expect(others()).toEqual([1, 0]);
  // It continues one of them, which may be saved in the other place.
  runContinues(run(0, 60, 1), 0);
  expect(others()).toEqual([1]);
  applySaveEvent({ type: 'autosaved', run: 0, place: 1, step: 61, storage: null, pauses: false });
  expect(others()).toEqual([0]);
  // From a file it has no place.
  runContinues(run(0, 60, 1), null);
  expect(others()).toEqual([1, 0]);
});

test('the run to be replaced is known before the next one starts: the one that ended first, never an unfinished one', () => {
  const next = (...stored: StoredRun[]) => {
    useSavedRun.setState({ stored });
    return [nextReplaced(useSavedRun.getState())?.place ?? null, isSaved(useSavedRun.getState(), 1)];
  };
  expect(next()).toEqual([null, true]);
  expect(next(run(0, 60, 1))).toEqual([null, true]);
  expect(next(run(0, 60, 5), run(1, 60, 2))).toEqual([1, true]);
  expect(next(run(0, 30, 1, false), run(1, 60, 2))).toEqual([1, true]);
  expect(next(run(0, 30, 1, false), run(1, 40, 2, false))).toEqual([null, false]);
  expect(isSaved(useSavedRun.getState(), 2)).toBe(false);
});

test('a run that this version cannot read keeps its place, and other runs are replaced first', () => {
  const error = { code: 'WRONG_RUN', message: 'It is of a later version.', hint: '' } as const;
  const unreadable = (place: 0 | 1) => ({ place, writer: '9.0.0', error, exported: true });
  const next = (places: (0 | 1)[], ...stored: StoredRun[]) => {
    applySaveEvent({ type: 'savedRuns', stored, unreadable: places.map(unreadable) });
    return [nextReplaced(useSavedRun.getState())?.place ?? null, isSaved(useSavedRun.getState(), 1)];
  };
  expect(next([0])).toEqual([null, true]);
  expect(next([0], run(1, 60, 2))).toEqual([1, true]);
  expect(next([0], run(1, 30, 2, false))).toEqual([null, false]);
  expect(next([0, 1])).toEqual([null, false]);
  expect(
    replacedBy({ ...useSavedRun.getState(), stored: [run(1, 60, 2)], unreadable: [unreadable(0)] }, 1)?.place,
  ).toBe(1);
});

test('a refused removal is shown until the next report of the stored runs', () => {
  const error = { code: 'SAVED_ELSEWHERE', message: 'Another tab is using it.', hint: '' } as const;
  applySaveEvent({ type: 'forgetRefused', error });
  expect(useSavedRun.getState()).toMatchObject({ notRemoved: error, error: null });
  applySaveEvent({ type: 'savedRuns', stored: [], unreadable: [] });
  expect(useSavedRun.getState().notRemoved).toBeNull();
});
