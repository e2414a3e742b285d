import { afterEach, expect, test, vi } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { NOT_EVALUATED } from '../../../src/engine/model/best.ts';
import type { SessionCommand, SessionEvent } from '../../../src/session/protocol.ts';
import { Session } from '../../../src/session/session.ts';
import { Shelf } from '../../../src/session/shelf.ts';
import { eventually } from '../eventually.ts';

// A run that is requested while the session is still looking for saved runs, on a fake engine that trains nothing.
vi.mock('../../../src/engine/index.ts', async (actual) => {
  return {
    ...(await actual<object>()),
    openDevice: async () => ({ device: { lost: new Promise(() => {}) }, report: { name: 'fake' } }),
    createTrainer: async () => ({
      destroy() {},
      numerics: { prepare: async () => {} },
      ...{
        submittedSteps: 0,
        best: NOT_EVALUATED,
        report: { name: 'fake' },
        config: { precision: 'fp32' },
        kernels: {},
        changes: [],
        pace: {},
      },
    }),
    runTraining: async () => ({ appliedSteps: 0 }),
  };
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const TRAIN: SessionCommand = {
  type: 'train',
  configs: [PRESETS.smoke.config],
  schedule: 'sequential',
  text: { kind: 'builtIn', id: 'copy', folder: '/texts/' },
  autosaveMs: 60_000,
};

test.each([
  ['is left alone', true, 0],
  ['that is not there changes nothing', false, 1],
])('a saved run that the page does not know of %s', async (_, left, times) => {
  let finishReport!: (left: boolean) => void;
  const look = new Promise<boolean>((resolve) => {
    finishReport = resolve;
  });
  vi.spyOn(Shelf.prototype, 'report').mockReturnValueOnce(look);
  const hold = vi.spyOn(Shelf.prototype, 'acquire').mockResolvedValue(null);
  vi.stubGlobal('navigator', { gpu: {} });
  const events: SessionEvent[] = [];
  const session = new Session((event) => events.push(event));
  const happened = (type: SessionEvent['type']) =>
    eventually(() => expect(events.map((event) => event.type)).toContain(type));
  session.handle({ type: 'open' });
  await happened('opened');
  session.handle(TRAIN);
  await new Promise((resolve) => setTimeout(resolve));
  expect(hold).not.toHaveBeenCalled();
  finishReport(left);
  await happened('completed');
  expect(hold).toHaveBeenCalledTimes(times);
});

test('opening and training settle once they no longer use the storage, and not before', async () => {
  let finishReport!: (left: boolean) => void;
  vi.spyOn(Shelf.prototype, 'report').mockReturnValueOnce(
    new Promise((resolve) => {
      finishReport = resolve;
    }),
  );
  vi.spyOn(Shelf.prototype, 'acquire').mockResolvedValue(null);
  vi.stubGlobal('navigator', { gpu: {} });
  const settled: string[] = [];
  const session = new Session(() => {});
  const handle = async (command: SessionCommand) => {
    await session.handle(command);
    settled.push(command.type);
  };
  const all = [handle({ type: 'open' }), handle(TRAIN), handle({ type: 'save' })];
  await new Promise((resolve) => setTimeout(resolve));
  expect(settled).toEqual(['save']);
  finishReport(false);
  await Promise.all(all);
  expect(settled).toEqual(['save', 'open', 'train']);
});
