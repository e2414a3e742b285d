import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSlots } from '../../../src/session/storage/opfs.ts';
import { FakeLocks } from './fakeLocks.ts';

const handle = { getSize: () => 0, read: () => 0, close: vi.fn() };
const folder = { getFileHandle: async () => ({ createSyncAccessHandle: async () => handle }) };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('navigator', {
    locks: new FakeLocks(),
    storage: { getDirectory: async () => ({ getDirectoryHandle: async () => folder }) },
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

test('a page that only lists the saves is waited for', async () => {
  const look = (await openSlots())!;
  const training = openSlots(true);
  await vi.advanceTimersByTimeAsync(10 * SECOND_MS);
  look.close();
  expect(await training).not.toBeNull();
});

test('a page that does not release it is not waited for without end', async () => {
  await openSlots();
  const others = [openSlots(), openSlots(true), openSlots(true, { ms: 2 * SECOND_MS })];
  let brief: unknown = 'waiting';
  void others[2]!.then((open) => {
    brief = open;
  });
  await vi.advanceTimersByTimeAsync(3 * SECOND_MS);
  expect(brief).toBeNull();
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(await Promise.all(others)).toEqual([null, null, null]);
  expect(vi.getTimerCount()).toBe(0);
});

test('a page whose run is saved there blocks others until the run has ended', async () => {
  const training = (await openSlots(true))!;
  const others = [openSlots(), openSlots(true)];
  await vi.advanceTimersByTimeAsync(2 * SECOND_MS);
  expect(await Promise.all(others)).toEqual([null, null]);
  training.close();
  expect(await openSlots()).not.toBeNull();
  expect(vi.getTimerCount()).toBe(0);
});

test('who waits until it is free has it then, however long that takes, unless the wait is ended', async () => {
  const training = (await openSlots(true))!;
  const ended = new AbortController();
  const given = openSlots(true, { until: ended.signal });
  const patient = openSlots(true, { until: new AbortController().signal });
  await vi.advanceTimersByTimeAsync(60 * MINUTE_MS);
  ended.abort();
  expect(await given).toBeNull();
  training.close();
  expect(await patient).not.toBeNull();
});
