import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { EngineError } from '../../../src/engine/core/errors.ts';
import { NOT_EVALUATED } from '../../../src/engine/model/best.ts';
import type { SessionEvent } from '../../../src/session/protocol.ts';
import { Session } from '../../../src/session/session.ts';
import { eventually } from '../eventually.ts';

// Tests which measurements the session runs and when, on a fake engine: the real one needs a GPU.
const engine = vi.hoisted(() => ({
  benchmark: vi.fn(),
  confirmBatch: vi.fn(),
  measureStep: vi.fn(),
  openDevice: vi.fn(),
  createTrainer: vi.fn(),
  runTraining: vi.fn(),
}));
vi.mock('../../../src/engine/index.ts', async (actual) => {
  return { ...(await actual<object>()), ...engine };
});

const config = PRESETS.smoke.config;
const train = {
  type: 'train',
  schedule: 'sequential',
  configs: [config],
  text: { kind: 'builtIn', id: 'copy', folder: '/texts/' },
} as const;
const confirm = (id: number) => ({ type: 'confirmBatch', id, config, vocabulary: 128 }) as const;
let events: SessionEvent[];
let session: Session;

beforeEach(() => {
  vi.stubGlobal('navigator', { gpu: {} });
  events = [];
  session = new Session((event) => events.push(event));
  engine.openDevice.mockResolvedValue({ device: { lost: new Promise(() => {}) }, report: { name: 'fake' } });
  const parts = {
    submittedSteps: 0,
    best: NOT_EVALUATED,
    report: { name: 'fake' },
    config: { precision: 'fp32' },
    kernels: {},
    changes: [],
    pace: {},
  };
  engine.createTrainer.mockResolvedValue({
    ...parts,
    destroy: vi.fn(),
    generate: vi.fn(async () => ({ ids: [], text: 'abc', tokensPerSec: null })),
  });
  engine.benchmark.mockResolvedValue({ peakFlops: 1 });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetAllMocks();
});

const types = () => events.map(({ type }) => type);
const happened = (type: SessionEvent['type']) => eventually(() => expect(types()).toContain(type));

test('batches are confirmed one after the other, and each one tried is reported', async () => {
  let running = 0;
  engine.confirmBatch.mockImplementation(async (_device, _report, { batch }, _vocabulary, { onTry }) => {
    running += 1;
    expect(running).toBe(1);
    onTry(batch);
    await Promise.resolve();
    running -= 1;
    return { batch, bytes: 5, refused: null };
  });
  session.handle(confirm(1));
  session.handle(confirm(2));
  await eventually(() => expect(events).toHaveLength(4));
  const result = { batch: config.batch, bytes: 5, refused: null };
  expect(events).toEqual([
    { type: 'batchTried', id: 1, batch: config.batch },
    { type: 'batchConfirmed', id: 1, result },
    { type: 'batchTried', id: 2, batch: config.batch },
    { type: 'batchConfirmed', id: 2, result },
  ]);
});

test('the time of a step is answered with its id, refused with the reason, and cancelled', async () => {
  const result = { msPerStep: 2, steps: 30, tokensPerSec: 1, parameters: 1, bytes: 1 };
  const measure = (id: number) => ({ type: 'measureStep', id, config, vocabulary: 80 }) as const;
  engine.measureStep.mockResolvedValueOnce(result);
  session.handle(measure(1));
  await happened('stepMeasured');
  const error = { code: 'OUT_OF_MEMORY', message: 'no', hint: 'smaller' } as const;
  engine.measureStep.mockRejectedValueOnce(new EngineError(error.code, error.message, error.hint));
  session.handle(measure(2));
  await happened('stepRefused');
  session.handle(measure(3));
  session.handle({ type: 'cancelMeasuring' });
  await happened('stepCancelled');
  expect(events).toEqual([
    { type: 'stepMeasured', id: 1, result },
    { type: 'stepRefused', id: 2, error },
    { type: 'stepCancelled', id: 3 },
  ]);
});

test('a failed measurement is reported, and the next one runs', async () => {
  const error = { code: 'SHADER_COMPILE', message: 'no', hint: 'do' } as const;
  engine.confirmBatch.mockRejectedValueOnce(new EngineError(error.code, error.message, error.hint));
  session.handle(confirm(3));
  session.handle({ type: 'benchmark' });
  await happened('benchmarked');
  expect(events).toEqual([
    { type: 'batchRefused', id: 3, error },
    { type: 'benchmarked', result: { peakFlops: 1 } },
  ]);
});

test('measurements are refused during training, and a training waits for a measurement', async () => {
  let end = (_summary: object) => {};
  engine.runTraining.mockImplementation(
    () =>
      new Promise((resolve) => {
        end = resolve;
      }),
  );
  session.handle({ type: 'benchmark' });
  session.handle(train);
  session.handle({ type: 'benchmark' });
  session.handle(confirm(4));
  await happened('started');
  expect(types().indexOf('benchmarked')).toBeLessThan(types().indexOf('preparing'));
  const refusals = events.filter(({ type }) => type === 'benchmarkRefused' || type === 'batchRefused');
  expect(refusals).toMatchObject([{ error: { code: 'GPU_BUSY' } }, { id: 4, error: { code: 'GPU_BUSY' } }]);
  expect(engine.benchmark).toHaveBeenCalledTimes(1);

  end({ appliedSteps: 0 });
  await happened('completed');
  session.handle({ type: 'benchmark' });
  await eventually(() => expect(engine.benchmark).toHaveBeenCalledTimes(2));
});

test('an abandoned run is not reported as finished and writes no samples', async () => {
  engine.runTraining.mockImplementation(async (_trainer, _events, control) => {
    session.handle({ type: 'stop', abandon: true });
    expect(control.abandoned).toBe(true);
    return { appliedSteps: 3 };
  });
  session.handle(train);
  await happened('completed');
  expect(types()).toEqual(['preparing', 'started', 'completed']);
});

test('cancelling ends the current measurement and those waiting, and later ones run again', async () => {
  let measuring = (_signal: AbortSignal) => {};
  const started = new Promise<AbortSignal>((resolve) => {
    measuring = resolve;
  });
  engine.confirmBatch.mockImplementationOnce((_device, _report, _config, _vocabulary, { signal }) => {
    measuring(signal);
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  });
  session.handle(confirm(5));
  session.handle(confirm(6));
  session.handle({ type: 'benchmark' });
  await started;
  session.handle({ type: 'cancelMeasuring' });
  await happened('benchmarkCancelled');
  expect(events).toEqual([
    { type: 'batchCancelled', id: 5 },
    { type: 'batchCancelled', id: 6 },
    { type: 'benchmarkCancelled' },
  ]);
  expect(engine.confirmBatch).toHaveBeenCalledTimes(1);
  expect(engine.benchmark).not.toHaveBeenCalled();
  session.handle({ type: 'benchmark' });
  await happened('benchmarked');
});
