import { beforeEach, expect, test, vi } from 'vitest';
import { EngineError } from '../../../src/engine/core/errors.ts';
import type { Trainer } from '../../../src/engine/index.ts';
import { NumericsSwitch } from '../../../src/session/numericsSwitch.ts';
import type { NumericsFrame, SessionEvent } from '../../../src/session/protocol.ts';
import { eventually } from '../eventually.ts';

let events: SessionEvent[];
let numerics: NumericsSwitch;

beforeEach(() => {
  events = [];
  numerics = new NumericsSwitch((event) => events.push(event));
});

function fakeRun(run: number) {
  const of = {
    enable: vi.fn(async () => {}),
    prepare: vi.fn(async () => {}),
    disable: vi.fn(),
    takeFrames: vi.fn(() => [{ step: 5 }, { step: 10 }]),
    inspect: vi.fn(async (what: string) => ({ what })),
  };
  return { of, run, trainer: { numerics: of } as unknown as Trainer };
}

test('switching on applies to current and later runs, switching off to all', async () => {
  const [running, later] = [fakeRun(0), fakeRun(1)];
  numerics.set(5, [running]);
  await numerics.prepare(later.trainer, false);
  expect(running.of.enable).toHaveBeenCalledWith(5, true);
  expect(later.of.enable).toHaveBeenCalledWith(5, true);
  numerics.set(5, [], false);
  await numerics.prepare(later.trainer, false);
  expect(later.of.enable).toHaveBeenLastCalledWith(5, false);
  numerics.set(null, [running, later]);
  expect(running.of.disable).toHaveBeenCalled();
  const last = fakeRun(2);
  await numerics.prepare(last.trainer, false);
  numerics.report(last);
  expect(last.of.enable).not.toHaveBeenCalled();
  expect(last.of.prepare).not.toHaveBeenCalled();
  expect(events).toEqual([]);
});

test('compared runs are prepared even when it is off, and their last gradients are reported', async () => {
  const { of, trainer } = fakeRun(1);
  const frame = { step: 8 } as NumericsFrame;
  await numerics.prepare(trainer, true);
  expect(of.prepare).toHaveBeenCalled();
  expect(of.enable).not.toHaveBeenCalled();
  numerics.reportLast(1, frame);
  expect(events).toEqual([{ type: 'numerics', run: 1, frame }]);
  numerics.set(5, []);
  numerics.reportLast(1, frame);
  expect(events).toHaveLength(1);
});

test('frames are sent with the index of their run', () => {
  const run = fakeRun(3);
  numerics.set(5, [run]);
  numerics.report(run);
  expect(events).toEqual([
    { type: 'numerics', run: 3, frame: { step: 5 } },
    { type: 'numerics', run: 3, frame: { step: 10 } },
  ]);
});

test('every run is inspected, and without a run inspecting is refused', async () => {
  await numerics.inspect('weights', () => [fakeRun(0), fakeRun(1)]);
  expect(events.map((event) => event.type === 'inspected' && event.run)).toEqual([0, 1]);
  events.length = 0;
  await numerics.inspect('weights', () => []);
  expect(events).toMatchObject([{ type: 'numericsRefused', error: { code: 'BAD_VALUE' } }]);
});

test('kernels that do not compile are reported and do not fail the run', async () => {
  const run = fakeRun(0);
  run.of.enable.mockRejectedValueOnce(new EngineError('SHADER_COMPILE', 'refused', 'update'));
  numerics.set(20, [run]);
  await eventually(() => expect(events).toHaveLength(1));
  expect(events[0]).toMatchObject({ type: 'numericsRefused', error: { code: 'SHADER_COMPILE' } });
  run.of.enable.mockRejectedValueOnce(new EngineError('SHADER_COMPILE', 'refused', 'update'));
  await numerics.prepare(run.trainer, true);
  expect(events).toHaveLength(2);
});
