import { afterEach, expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { StoredRun } from '../../../src/session/protocol.ts';
import {
  applySaveEvent,
  autosaveMs,
  givesWayTo,
  isSaved,
  nextToGo,
  otherStoredRuns,
  useSavedRun,
} from '../../../src/store/savedRun.ts';

const before = useSavedRun.getState();
afterEach(() => useSavedRun.setState(before, true));

function run(place: 0 | 1, step: number, savedAt: number, ended = true): StoredRun {
  const text = { name: 'Moby Dick', checksum: '', tokens: null, builtin: 'moby-dick' } as const;
  return { place, ended, step, savedAt, bytes: 1, text, config: { ...PRESETS.smoke.config, steps: 60 } };
}

const others = (onGpu = true) => otherStoredRuns(useSavedRun.getState(), onGpu).map(({ place }) => place);

test('what is stored is offered, the newest first, but for the run that is shown', () => {
  applySaveEvent({ type: 'savedRuns', stored: [run(0, 60, 1), run(1, 60, 2)], unreadable: [] });
  expect(others()).toEqual([1, 0]);
  applySaveEvent({ type: 'autosaved', run: 0, place: 1, step: 5, storage: null, pauses: false });
  expect(others()).toEqual([0]);
  // The GPU is lost: what is on the screen is only a picture of what is stored.
  expect(others(false)).toEqual([1, 0]);
  // A new training takes the screen; whether it is saved, and where, is told with its first save.
  autosaveMs(1);
  expect(others()).toEqual([1, 0]);
});

test('the run that gives way is known before the next one begins: the one that ended first, and no unfinished one', () => {
  const next = (...stored: StoredRun[]) => {
    useSavedRun.setState({ stored });
    return [nextToGo(useSavedRun.getState())?.place ?? null, isSaved(1)];
  };
  expect(next()).toEqual([null, true]);
  expect(next(run(0, 60, 1))).toEqual([null, true]);
  expect(next(run(0, 60, 5), run(1, 60, 2))).toEqual([1, true]);
  expect(next(run(0, 30, 1, false), run(1, 60, 2))).toEqual([1, true]);
  expect(next(run(0, 30, 1, false), run(1, 40, 2, false))).toEqual([null, false]);
  expect(isSaved(2)).toBe(false);
});

test('a run that this version cannot read keeps its place, and what else is stored gives way before it', () => {
  const error = { code: 'WRONG_RUN', message: 'It is of a later version.', hint: '' } as const;
  const unreadable = (place: 0 | 1) => ({ place, writer: '9.0.0', error, exported: true });
  const next = (places: (0 | 1)[], ...stored: StoredRun[]) => {
    applySaveEvent({ type: 'savedRuns', stored, unreadable: places.map(unreadable) });
    return [nextToGo(useSavedRun.getState())?.place ?? null, isSaved(1)];
  };
  expect(next([0])).toEqual([null, true]);
  expect(next([0], run(1, 60, 2))).toEqual([1, true]);
  expect(next([0], run(1, 30, 2, false))).toEqual([null, false]);
  expect(next([0, 1])).toEqual([null, false]);
  expect(
    givesWayTo({ ...useSavedRun.getState(), stored: [run(1, 60, 2)], unreadable: [unreadable(0)] }, 1)?.place,
  ).toBe(1);
});
