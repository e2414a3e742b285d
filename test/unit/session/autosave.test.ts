import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { openSafetensors } from '../../../src/engine/checkpoint/safetensors.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { Trainer } from '../../../src/engine/index.ts';
import { initialStepState } from '../../../src/engine/kernels/stepState.ts';
import { NOT_EVALUATED } from '../../../src/engine/model/best.ts';
import type { StepMetrics } from '../../../src/engine/train/metrics.ts';
import { Autosave } from '../../../src/session/autosave.ts';
import { CURVE_KEY, RunCurve } from '../../../src/session/curve.ts';
import type { SessionEvent } from '../../../src/session/protocol.ts';
import type { Patience } from '../../../src/session/storage/opfs.ts';
import { eventually } from '../eventually.ts';

const storage = vi.hoisted(() => ({
  save: vi.fn(),
  close: vi.fn(),
  /** Resolved when another tab that has the storage gives it back; null where none has it. */
  elsewhere: null as Promise<void> | null,
}));
vi.mock('../../../src/session/storage/opfs.ts', () => ({
  openSlots: async (_: boolean, { until }: Patience) => {
    if (storage.elsewhere) {
      if (!until) return null;
      const ended = new Promise((resolve) => until.addEventListener('abort', resolve));
      await Promise.race([storage.elsewhere, ended]);
      if (until.aborted) return null;
    }
    const slots = { save: storage.save, newest: async () => null };
    return { places: [slots, slots], close: storage.close };
  },
  storageEstimate: async () => null,
}));

afterEach(() => {
  storage.elsewhere = null;
  vi.resetAllMocks();
});

const text = { kind: 'builtIn', id: 'copy', folder: '/texts/' } as const;

/** A run that has taken `submittedSteps` steps and whose state is copied at once. */
function fakeTrainer(pauses: boolean) {
  const state = { name: 'step_state', type: 'u32', shape: [16], slices: [] } as const;
  const take = vi.fn(async (step: number) => ({
    step,
    entries: [state],
    bytesOf: () => [new Uint8Array(initialStepState(1))],
    release: () => {},
  }));
  const trainer = {
    submittedSteps: 0,
    best: NOT_EVALUATED,
    arrived: [] as StepMetrics[],
    metricsArrived: Promise.resolve(),
    config: PRESETS.smoke.config,
    dataset: { name: 'text', checksum: '', tokenizer: { json: { kind: 'byte' } }, reading: { tokens: null } },
    report: { name: 'fake' },
    device: { lost: new Promise(() => {}) },
    snapshots: async () => ({ pauses, takeNext: (steps: () => number) => take(steps()) }),
  };
  return { trainer, take };
}

async function begin(trainer: ReturnType<typeof fakeTrainer>['trainer']) {
  const events: SessionEvent[] = [];
  const autosave = (await Autosave.acquire(
    (event) => events.push(event),
    0,
    async () => 0,
  ))!;
  await autosave.begin(trainer as unknown as Trainer, text, 60_000);
  return { autosave, events };
}

test('a run that has ended is not saved again when the page is hidden', async () => {
  const { trainer, take } = fakeTrainer(false);
  const { autosave, events } = await begin(trainer);
  trainer.submittedSteps = 5;
  autosave.request();
  await eventually(() => expect(events).toMatchObject([{ type: 'autosaved', step: 5, pauses: false }]));
  trainer.submittedSteps = 9;
  await autosave.close(true);
  expect(take.mock.calls).toEqual([[5], [9]]);
  expect(storage.close).toHaveBeenCalledOnce();

  trainer.submittedSteps = 10; // a sample was drawn, or the same trainer was inspected
  autosave.request();
  await autosave.boundary();
  await autosave.close(true);
  expect(take).toHaveBeenCalledTimes(2);
  expect(storage.save).toHaveBeenCalledTimes(2);
});

test('without GPU memory for a copy, a save waits until the run is between two steps, and reports that', async () => {
  const { trainer, take } = fakeTrainer(true);
  const { autosave, events } = await begin(trainer);
  trainer.submittedSteps = 3;
  autosave.request();
  expect(take).not.toHaveBeenCalled();
  await autosave.boundary();
  expect(events).toMatchObject([{ type: 'autosaved', step: 3, pauses: true }]);
  await autosave.close(false);
});

test('a failed save is reported, and the next one is tried even if no step was taken since', async () => {
  const { trainer } = fakeTrainer(false);
  const { autosave, events } = await begin(trainer);
  trainer.submittedSteps = 3;
  storage.save.mockRejectedValueOnce(new DOMException('no room', 'QuotaExceededError'));
  autosave.request();
  await eventually(() => expect(events).toMatchObject([{ error: { code: 'STORAGE_FULL' } }]));
  autosave.request();
  await eventually(() => expect(events[1]).toMatchObject({ type: 'autosaved', step: 3 }));
  await autosave.close(false);
});

test('a save includes the figures of its last steps, which arrive after the state itself', async () => {
  const { trainer } = fakeTrainer(false);
  const { autosave, events } = await begin(trainer);
  let arrive = (): void => {};
  trainer.metricsArrived = new Promise((resolve) => {
    arrive = resolve;
  });
  trainer.submittedSteps = 1;
  storage.save.mockImplementationOnce(async (pieces: AsyncIterable<Uint8Array>) => {
    const parts: Uint8Array[] = [];
    for await (const piece of pieces) parts.push(piece.slice());
    const run = await openSafetensors(bytesSource('saved', Buffer.concat(parts)));
    expect(RunCurve.parse(run.metadata.get(CURVE_KEY), 1).steps).toMatchObject([{ step: 1, loss: 4 }]);
  });
  autosave.request();
  await new Promise((resolve) => setTimeout(resolve));
  trainer.arrived.push({
    ...{ step: 1, loss: 4, lossScale: 1, skipped: false, overflow: null, gradNorm: 1, lr: 1e-3 },
    ...{ appliedSteps: 1, skippedSteps: 0, gpuMs: null },
  });
  arrive();
  await eventually(() => expect(events).toMatchObject([{ type: 'autosaved', step: 1 }]));
  await autosave.close(false);
});

describe('while another tab has the storage', () => {
  let giveBack: () => void;
  beforeEach(() => {
    storage.elsewhere = new Promise((resolve) => {
      giveBack = resolve;
    });
  });

  test('a new run warns, trains unsaved, and is saved with all its steps as soon as the storage is free', async () => {
    const { trainer, take } = fakeTrainer(false);
    const { autosave, events } = await begin(trainer);
    expect(events).toMatchObject([{ type: 'autosaveFailed', error: { code: 'SAVED_ELSEWHERE' } }]);
    const { error } = events[0] as Extract<SessionEvent, { type: 'autosaveFailed' }>;
    expect(error.message).toBe('Another tab of Halfstep is using the saved run.');
    expect(error.hint).toMatch(/continues without being saved.*Close the other tab/);
    trainer.submittedSteps = 5;
    autosave.request();
    await autosave.boundary();
    expect([take.mock.calls.length, storage.save.mock.calls.length, autosave.place]).toEqual([0, 0, null]);
    expect(await autosave.newest()).toBeNull();

    giveBack();
    await eventually(() => expect(events.at(-1)).toMatchObject({ type: 'autosaved', step: 5, place: 0 }));
    trainer.submittedSteps = 9;
    await autosave.close(true);
    expect(take.mock.calls).toEqual([[5], [9]]);
    expect(storage.close).toHaveBeenCalledOnce();
  });

  test('a run that ends before that waits for it no longer', async () => {
    const { trainer } = fakeTrainer(false);
    const { autosave, events } = await begin(trainer);
    trainer.submittedSteps = 5;
    await autosave.close(true);
    giveBack();
    await new Promise((resolve) => setTimeout(resolve));
    expect(storage.save).not.toHaveBeenCalled();
    expect(events).toHaveLength(1);
  });

  test('and has filled every place by then, that is said', async () => {
    const events: SessionEvent[] = [];
    const post = (event: SessionEvent) => events.push(event);
    const autosave = (await Autosave.acquire(post, 0, async () => null))!;
    giveBack();
    await eventually(() => expect(events.at(-1)).toMatchObject({ error: { code: 'STORAGE_FULL' } }));
    expect(storage.close).toHaveBeenCalledOnce();
    await autosave.close(true);
  });

  test('a run that is to go on from a saved one is refused: it needs its file', async () => {
    const held = Autosave.acquire(
      () => {},
      0,
      async () => 0,
      0,
    );
    await expect(held).rejects.toMatchObject({
      report: { code: 'SAVED_ELSEWHERE', hint: 'Close the other tab, then try again.' },
    });
  });
});
