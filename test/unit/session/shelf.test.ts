import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openSafetensors, writeSafetensors } from '../../../src/engine/checkpoint/safetensors.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { DeviceAccess, Trainer } from '../../../src/engine/index.ts';
import { initialStepState } from '../../../src/engine/kernels/stepState.ts';
import { NOT_EVALUATED } from '../../../src/engine/model/best.ts';
import { withSave } from '../../../src/session/autosave.ts';
import { answerExport } from '../../../src/session/exporting.ts';
import type { SessionEvent, StoredRun, UnreadableRun } from '../../../src/session/protocol.ts';
import { Shelf } from '../../../src/session/shelf.ts';
import { openSlots } from '../../../src/session/storage/opfs.ts';
import { type Place, placeForNext } from '../../../src/session/storage/places.ts';
import { concatenated } from '../checkpoint/files.ts';
import { FakeLocks } from './fakeLocks.ts';

const STEPS = PRESETS.smoke.config.steps;
const text = { kind: 'builtIn', id: 'copy', folder: '/texts/' } as const;

/** The page's private storage, in memory. */
class FakeFolder {
  readonly folders = new Map<string, FakeFolder>();
  readonly files = new Map<string, FakeFile>();

  async getDirectoryHandle(name: string): Promise<FakeFolder> {
    const folder = this.folders.get(name) ?? new FakeFolder();
    this.folders.set(name, folder);
    return folder;
  }

  async getFileHandle(name: string): Promise<FakeFile> {
    const file = this.files.get(name) ?? new FakeFile();
    this.files.set(name, file);
    return file;
  }
}

class FakeFile {
  bytes = new Uint8Array();

  async createSyncAccessHandle() {
    return {
      getSize: () => this.bytes.length,
      read: (into: Uint8Array, { at }: { at: number }) => {
        const part = this.bytes.subarray(at, at + into.length);
        into.set(part);
        return part.length;
      },
      write: (from: Uint8Array, { at }: { at: number }) => {
        const grown = new Uint8Array(Math.max(this.bytes.length, at + from.length));
        grown.set(this.bytes);
        grown.set(from, at);
        this.bytes = grown;
        return from.length;
      },
      truncate: (size: number) => {
        this.bytes = this.bytes.slice(0, size);
      },
      flush: () => {},
      close: () => {},
    };
  }
}

let root: FakeFolder;
let now: number;

beforeEach(() => {
  root = new FakeFolder();
  now = 0;
  vi.spyOn(Date, 'now').mockImplementation(() => now);
  vi.stubGlobal('navigator', {
    locks: new FakeLocks(),
    storage: { getDirectory: async () => root, estimate: async () => ({}) },
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function trainerAt(submittedSteps: number, steps: number): Trainer {
  const entry = { name: 'step_state', type: 'u32', shape: [16], slices: [] } as const;
  const state = new Uint32Array(initialStepState(1));
  state[15] = submittedSteps;
  const trainer = {
    submittedSteps: 0,
    best: NOT_EVALUATED,
    arrived: [],
    metricsArrived: Promise.resolve(),
    config: { ...PRESETS.smoke.config, steps },
    dataset: {
      name: 'text',
      checksum: '0'.repeat(16),
      tokenizer: { json: { kind: 'byte' }, vocabulary: 256 },
      reading: { tokens: null },
    },
    report: { name: 'fake' },
    firstLoss: 4,
    lastLoss: 3,
    storage: null,
    kernels: { matmul: 'tiled' },
    changes: [],
    start: { weights: '0', batches: '0' },
    device: { lost: new Promise(() => {}) },
    snapshots: async () => ({
      pauses: false,
      takeNext: async (next: () => number) => ({
        step: next(),
        entries: [entry],
        bytesOf: () => [new Uint8Array(state.buffer)],
        release: () => {},
      }),
    }),
  };
  return trainer as unknown as Trainer;
}

/** A visit: the saved runs that it is shown, and the runs that it trains. */
function visit() {
  const events: SessionEvent[] = [];
  const shelf = new Shelf((event) => events.push(event));
  return {
    shelf,
    events,
    /** Trains until `step` and saves there. @returns the place */
    async train(step: number, { from = null as Place | null, steps = STEPS, ends = true } = {}) {
      const autosave = await shelf.acquire(0, from);
      if (!autosave) return null;
      now += 1000;
      const trainer = trainerAt(step, steps);
      await autosave.begin(trainer, text, 60_000);
      Object.assign(trainer, { submittedSteps: step });
      await autosave.close(true);
      if (ends) shelf.end(autosave.place!, false);
      return autosave.place;
    },
    async unreadable(checked = true): Promise<readonly UnreadableRun[]> {
      await shelf.report(checked);
      const event = events.findLast(({ type }) => type === 'savedRuns');
      return event?.type === 'savedRuns' ? event.unreadable : [];
    },
    async savedRuns(checked = true): Promise<Pick<StoredRun, 'place' | 'step' | 'ended'>[]> {
      await shelf.report(checked);
      const event = events.findLast(({ type }) => type === 'savedRuns');
      if (event?.type !== 'savedRuns') throw new Error('the storage was not reported');
      return event.stored.map(({ place, step, ended }) => ({ place, step, ended }));
    },
  };
}

describe('the storage', () => {
  test('keeps the run that ended last while the next one is saved, across visits', async () => {
    expect(await visit().train(STEPS)).toBe(0);
    const later = visit();
    expect(await later.savedRuns()).toEqual([{ place: 0, step: STEPS, ended: true }]);
    expect(await later.train(40)).toBe(1);
    expect(await later.savedRuns()).toEqual([
      { place: 0, step: STEPS, ended: true },
      { place: 1, step: 40, ended: true },
    ]);
    // The third replaces the first.
    expect(await later.train(50)).toBe(0);
    expect(await later.savedRuns()).toEqual([
      { place: 0, step: 50, ended: true },
      { place: 1, step: 40, ended: true },
    ]);
  });

  test('never replaces an unfinished run', async () => {
    await visit().train(30, { ends: false });
    await visit().train(40, { ends: false });
    const later = visit();
    expect(await later.shelf.acquire(0, null)).toBeNull();
    expect(await later.savedRuns()).toEqual([
      { place: 0, step: 30, ended: false },
      { place: 1, step: 40, ended: false },
    ]);
    // When continued, each stays in its place.
    expect(await later.train(45, { from: 1 })).toBe(1);
    expect((await later.savedRuns())[0]).toEqual({ place: 0, step: 30, ended: false });
  });

  test('keeps a finished run that is continued, if another place is available', async () => {
    const here = visit();
    await here.train(STEPS);
    expect(await here.train(STEPS + 20, { from: 0, steps: 2 * STEPS })).toBe(1);
    expect((await here.savedRuns()).map(({ step }) => step)).toEqual([STEPS, STEPS + 20]);
    await here.shelf.forget(1);
    await visit().train(30, { ends: false });
    const later = visit();
    expect(await later.train(STEPS + 30, { from: 0, steps: 2 * STEPS })).toBe(0);
    expect((await later.savedRuns()).map(({ step }) => step)).toEqual([STEPS + 30, 30]);
  });

  test('does not replace a run whose newest save is damaged but whose previous one is intact', async () => {
    const here = visit();
    await here.train(STEPS);
    await here.train(STEPS + 20, { from: 0, steps: 2 * STEPS });
    await here.train(STEPS + 40, { from: 1, steps: 2 * STEPS });
    // Place 0 has the first in file a, and in b the third.
    root.folders.get('saved-run')!.files.get('b')!.bytes.fill(0x20, 40, 200);
    for (const checked of [true, false]) {
      expect((await visit().savedRuns(checked)).map(({ place, step }) => [place, step])).toEqual([
        [0, STEPS],
        [1, STEPS + 20],
      ]);
    }
  });

  test('deletes one run and not the other', async () => {
    const here = visit();
    await here.train(STEPS);
    await here.train(STEPS);
    await here.shelf.forget(0);
    expect(await here.savedRuns()).toEqual([{ place: 1, step: STEPS, ended: true }]);
  });

  test('deletes a run while another is saved, whose own place is refused', async () => {
    await visit().train(30, { ends: false });
    const here = visit();
    await here.savedRuns();
    const autosave = (await here.shelf.acquire(0, null))!;
    expect(autosave.place).toBe(1);
    await here.shelf.forget(1);
    expect(here.events.at(-1)).toMatchObject({ type: 'forgetRefused', error: { code: 'GPU_BUSY' } });
    await here.shelf.forget(0);
    expect(here.events.at(-1)).toEqual({ type: 'savedRuns', stored: [], unreadable: [] });
    await autosave.close(false);
    expect(await here.savedRuns()).toEqual([]);
  });

  test('says why a run cannot be deleted: another tab holds the storage, or the browser refuses it', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout'] });
    await visit().train(30, { ends: false });
    const other = (await openSlots(true))!;
    const here = visit();
    const asked = here.shelf.forget(0);
    await vi.advanceTimersByTimeAsync(2000);
    await asked;
    expect(here.events).toMatchObject([{ type: 'forgetRefused', error: { code: 'SAVED_ELSEWHERE' } }]);
    other.close();
    vi.useRealTimers();
    expect(await here.savedRuns()).toEqual([{ place: 0, step: 30, ended: false }]);
    vi.spyOn(navigator.storage, 'getDirectory').mockRejectedValue(new DOMException('refused'));
    await here.shelf.forget(0);
    expect(here.events.at(-1)).toMatchObject({ type: 'forgetRefused', error: { message: 'refused' } });
  });
});

/** Writes into a place what a version to come might: the run there with other metadata. */
async function rewrite(place: Place, change: (run: Record<string, unknown>) => object): Promise<Uint8Array> {
  const open = (await openSlots())!;
  const { source } = (await open.places[place].newest())!;
  const { metadata } = await openSafetensors(source);
  const run = change(JSON.parse(metadata.get('halfstep')!));
  const bytes = await concatenated(writeSafetensors([], { halfstep: JSON.stringify(run) }));
  const pieces = async function* () {
    yield bytes;
  };
  await open.places[place].save(pieces());
  open.close();
  return bytes;
}

async function exportOf(what: 'run' | 'model'): Promise<SessionEvent> {
  const events: SessionEvent[] = [];
  const gpu = { open: async () => ({ report: { limits: {} } }) } as unknown as DeviceAccess;
  await answerExport(
    { type: 'export', what, dtype: 'F32', weights: 'master', of: { place: 0 }, folder: '/' },
    (event) => events.push(event),
    gpu,
    () => null,
  );
  return events[0]!;
}

describe('a run of a later version', () => {
  const laterRuns: [string, (run: Record<string, unknown>) => object, RegExp][] = [
    ['in another form', (run) => ({ ...run, version: 2 }), /format version 2/],
    [
      'with a setting that does not exist here',
      (run) => ({ ...run, config: { ...(run.config as object), settingToCome: 1 } }),
      /settingToCome/,
    ],
    [
      'in a mode that does not exist here',
      (run) => ({ ...run, config: { ...(run.config as object), precision: 'mode-to-come' } }),
      /mode-to-come/,
    ],
    ['with other fields', ({ text: _, ...run }) => run, /text/],
  ];

  test.each(laterRuns)(
    '%s is kept, and savedRuns with what wrote it, until it is removed',
    async (_, change, why) => {
      await visit().train(STEPS);
      const bytes = await rewrite(0, (run) => ({ ...change(run), program: '9.1.0' }));
      const here = visit();
      for (const checked of [true, false]) {
        expect(await here.savedRuns(checked)).toEqual([]);
        const [run, ...others] = await here.unreadable(checked);
        expect(others).toEqual([]);
        expect(run).toMatchObject({ place: 0, writer: '9.1.0', exported: true });
        expect(run!.error.message).toMatch(why);
      }
      // The next runs leave it, however many they are.
      expect([await here.train(10), await here.train(20), await here.train(30)]).toEqual([1, 1, 1]);
      const kept = await withSave(0, async (file) => file.read(0, file.size));
      expect(Buffer.from(kept).equals(Buffer.from(bytes))).toBe(true);
      const taken = await exportOf('run');
      if (taken.type !== 'exported') throw new Error(`it was ${taken.type}`);
      expect(Buffer.from(await taken.content.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true);
      expect(await exportOf('model')).toMatchObject({ type: 'exportRefused' });
      await here.shelf.forget(0);
      expect(await here.unreadable()).toEqual([]);
      expect(await here.train(40)).toBe(0);
    },
  );

  test('in a storage of another form is kept too, whichever of its files that wrote', async () => {
    for (const name of ['a', 'b']) {
      await visit().train(STEPS);
      const file = root.folders.get('saved-run')!.files.get(name)!;
      if (file.bytes.length < 8) file.bytes = new Uint8Array(100);
      new Uint32Array(file.bytes.buffer, 0, 2).set([0x73746c68, 2]);
      const before = file.bytes.slice();
      const here = visit();
      const [run] = await here.unreadable();
      expect(run).toMatchObject({ place: 0, writer: null, exported: false });
      expect(run!.error.message).toMatch(/form 2.*forms up to 1/);
      expect([await here.train(10), await here.train(20)]).toEqual([1, 1]);
      expect(file.bytes).toEqual(before);
      await here.shelf.forget(0);
      await here.shelf.forget(1);
    }
  });

  test('in both places: nothing is saved, and nothing lost', async () => {
    await visit().train(STEPS);
    await visit().train(STEPS);
    for (const place of [0, 1] as const) await rewrite(place, (run) => ({ ...run, version: 2 }));
    const here = visit();
    expect(await here.shelf.acquire(0, null)).toBeNull();
    expect((await here.unreadable()).map(({ place }) => place)).toEqual([0, 1]);
  });

  test('with damaged bytes no longer counts as a run and is replaced', async () => {
    await visit().train(STEPS);
    await rewrite(0, (run) => ({ ...run, version: 2 }));
    for (const { bytes } of root.folders.get('saved-run')!.files.values()) bytes.fill(0x20, 40, 60);
    const here = visit();
    expect(await here.unreadable()).toEqual([]);
    expect(await here.train(10)).toBe(0);
  });
});

test('an abandoned run is replaced first', () => {
  const stored = [
    { place: 0, ended: true, savedAt: 1 },
    { place: 1, ended: true, savedAt: 2 },
  ] as const;
  expect(placeForNext(stored)).toBe(0);
  expect(placeForNext(stored, 1)).toBe(1);
  expect(placeForNext(stored.slice(0, 1))).toBe(1);
  expect(placeForNext([])).toBe(0);
  expect(placeForNext([{ ...stored[0], ended: false }, stored[1]])).toBe(1);
});
