import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { EngineError } from '../../../src/engine/core/errors.ts';
import type { Lane } from '../../../src/engine/train/lockstep.ts';
import type { RunSummary, StepMetrics } from '../../../src/engine/train/metrics.ts';
import type { RunControl } from '../../../src/engine/train/run.ts';
import type { SessionEvent } from '../../../src/session/protocol.ts';
import { Session } from '../../../src/session/session.ts';
import { eventually } from '../eventually.ts';

// Tests the session's own behaviour on a fake engine that only counts: the real one needs a GPU and has its own tests.
const engine = vi.hoisted(() => ({
  openDevice: vi.fn(),
  createTrainer: vi.fn(),
  runTraining: vi.fn(),
  runLockstep: vi.fn(),
}));
vi.mock('../../../src/engine/index.ts', async (actual) => {
  return { ...(await actual<object>()), ...engine };
});

const config = PRESETS.smoke.config;
const request = { prompt: 'x', length: 3, temperature: 1, topK: 1, seed: 1 };
const numerics = { prepare: async () => {} };
/** The part of a trainer that the session uses. */
const parts = {
  takeMetrics: () => [],
  ...{ numerics, config, submittedSteps: 0, report: { name: 'fake' }, kernels: {}, changes: [], pace: {} },
};
const schedule = 'sequential';
const text = { kind: 'builtIn', id: 'copy', folder: '/texts/' } as const;
let loseDevice: (info: { reason: string; message: string }) => void;
let trainers: { destroy: () => void; generate: () => Promise<unknown> }[];
let events: SessionEvent[];
let session: Session;

beforeEach(() => {
  vi.stubGlobal('navigator', { gpu: {} });
  trainers = [];
  events = [];
  session = new Session((event) => events.push(event));
  engine.openDevice.mockImplementation(async () => {
    const lost = new Promise((resolve) => {
      loseDevice = resolve;
    });
    const limits = { maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 28 };
    return { device: { lost }, report: { name: 'fake', limits } };
  });
  engine.createTrainer.mockImplementation(async (_device, _report, _config, _dataset, { onProgress }) => {
    onProgress(1, 2);
    const trainer = {
      ...parts,
      destroy: vi.fn(),
      generate: vi.fn(async () => ({ ids: [], text: 'abc', tokensPerSec: null })),
    };
    trainers.push(trainer);
    return trainer;
  });
  engine.runTraining.mockImplementation(async (_trainer, { onStep }) => {
    onStep({ step: 1, loss: 1 } as StepMetrics);
    return { appliedSteps: 1 };
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetAllMocks();
});

const types = () => events.map(({ type }) => type);
const happened = (type: SessionEvent['type']) => eventually(() => expect(types()).toContain(type));

test('trains two modes one after the other and keeps the last for sampling', async () => {
  session.handle({ type: 'train', configs: [config, { ...config, precision: 'fp32' }], schedule, text });
  await happened('completed');
  const one = ['preparing', 'preparing', 'started', 'metrics', 'finished', 'sampling', 'sampled'];
  expect(types()).toEqual([...one, ...one, 'completed']);
  expect(trainers.map(({ destroy }) => vi.mocked(destroy).mock.calls.length)).toEqual([1, 0]);

  session.handle({ type: 'sample', request });
  await eventually(() => expect(trainers[1]!.generate).toHaveBeenCalledTimes(2));
  await eventually(() => expect(events.at(-1)?.type).toBe('sampled'));
  expect(events.at(-1)).toEqual({
    type: 'sampled',
    run: 1,
    sample: {
      ...request,
      ...{ kind: 'asked', step: 1, loss: 1 },
      ...{ text: 'abc', ids: [], tokens: [], tokensPerSec: null },
    },
  });
});

test('a stop while kernels compile ends the training before the first step, and the second mode does not start', async () => {
  engine.createTrainer.mockImplementationOnce(async () => {
    session.handle({ type: 'stop' });
    return { ...parts, destroy: vi.fn(), generate: vi.fn() };
  });
  session.handle({ type: 'train', configs: [config, config], schedule, text });
  await happened('completed');
  expect(types()).toEqual(['preparing', 'completed']);
  expect(engine.runTraining).not.toHaveBeenCalled();
});

test('a pause at the end of a run delays the next one, and the model can still write samples', async () => {
  engine.runTraining.mockImplementationOnce(async () => {
    session.handle({ type: 'pause' });
    return { appliedSteps: 1 };
  });
  session.handle({ type: 'train', configs: [config, { ...config, precision: 'fp32' }], schedule, text });
  await happened('sampled');
  session.handle({ type: 'sample', request });
  await eventually(() => expect(events.filter(({ type }) => type === 'sampled')).toHaveLength(2));
  expect(trainers).toHaveLength(1);
  expect(trainers[0]!.destroy).not.toHaveBeenCalled();
  session.handle({ type: 'resume' });
  await happened('completed');
  expect(events.filter(({ type }) => type === 'finished')).toMatchObject([{ run: 0 }, { run: 1 }]);
});

test('a failed mode does not prevent the next one from training', async () => {
  const error = { code: 'TOO_MANY_SKIPS', message: 'ten', hint: 'use fp16' } as const;
  engine.runTraining.mockRejectedValueOnce(new EngineError(error.code, error.message, error.hint));
  session.handle({ type: 'train', configs: [config, config], schedule, text });
  await happened('completed');
  expect(events).toContainEqual({ type: 'runFailed', run: 0, error });
  expect(events.filter(({ type }) => type === 'finished')).toMatchObject([{ run: 1 }]);
});

describe('in lockstep', () => {
  const modes = ['fp32', 'fp16', 'fp16-noscale'] as const;
  const configs = modes.map((precision) => ({ ...config, precision }));
  const lockstep = { type: 'train', configs, schedule: 'lockstep', text } as const;

  test('all modes of a seed start together, and all of them can be sampled', async () => {
    engine.runLockstep.mockImplementation(async (lanes: readonly Lane[]) => {
      for (const { events } of lanes) events.onStep({ step: 1, loss: 1 } as StepMetrics);
      for (const { events } of lanes) events.onFinished({ appliedSteps: 1 } as RunSummary);
    });
    const seeds = [1, 2].flatMap((seed) => configs.map((one) => ({ ...one, seed })));
    session.handle({ ...lockstep, configs: seeds });
    await happened('completed');
    const starts = events.flatMap((event) => (event.type === 'started' ? [event.run] : []));
    expect(starts).toEqual([0, 1, 2, 3, 4, 5]);
    expect(engine.runLockstep.mock.calls.map(([lanes]) => lanes.length)).toEqual([3, 3]);
    expect(engine.runTraining).not.toHaveBeenCalled();
    const released = trainers.map(({ destroy }) => vi.mocked(destroy).mock.calls.length);
    expect(released).toEqual([1, 1, 1, 0, 0, 0]);

    events.length = 0;
    session.handle({ type: 'sample', request });
    const sampled = () => events.filter(({ type }) => type === 'sampled');
    await eventually(() => expect(sampled()).toHaveLength(3));
    expect(sampled()).toMatchObject([3, 4, 5].map((run) => ({ run })));
  });

  test('a failed mode is reported, and the others finish', async () => {
    const error = { code: 'TOO_MANY_SKIPS', message: 'ten', hint: 'use fp16' } as const;
    engine.runLockstep.mockImplementationOnce(async ([first, second, third]: readonly Lane[]) => {
      third!.events.onFailed(new EngineError(error.code, error.message, error.hint));
      for (const lane of [first!, second!]) lane.events.onFinished({ appliedSteps: 1 } as RunSummary);
    });
    session.handle(lockstep);
    await happened('completed');
    expect(events).toContainEqual({ type: 'runFailed', run: 2, error });
    expect(events.filter(({ type }) => type === 'finished')).toMatchObject([{ run: 0 }, { run: 1 }]);
    expect(types()).not.toContain('failed');
  });

  test('a stop while the second mode compiles prevents the start', async () => {
    engine.createTrainer.mockImplementationOnce(async () => ({ ...parts, destroy: vi.fn() }));
    engine.createTrainer.mockImplementationOnce(async () => {
      session.handle({ type: 'stop' });
      return { ...parts, destroy: vi.fn() };
    });
    session.handle(lockstep);
    await happened('completed');
    expect(types()).toEqual(['preparing', 'preparing', 'completed']);
  });

  test('insufficient memory for all runs is refused with both numbers and a remedy', async () => {
    const total = 10 * 2 ** 20;
    engine.createTrainer.mockImplementationOnce(async () => ({
      destroy: vi.fn(),
      numerics,
      memory: { total },
    }));
    engine.createTrainer.mockRejectedValueOnce(new EngineError('OUT_OF_MEMORY', 'refused', 'smaller'));
    session.handle(lockstep);
    await happened('failed');
    expect(events.at(-1)).toMatchObject({
      error: {
        code: 'OUT_OF_MEMORY',
        message: expect.stringMatching(
          /^The 3 runs need \d+\.\d MiB at once; the GPU took 10\.0 MiB and refused the next \d+\.\d MiB\.$/,
        ),
        hint: expect.stringMatching(/one after the other \(schedule: sequential\), which needs \d+\.\d MiB/),
      },
    });
  });

  test('after a lost device all modes move to a new one, which the first of them reports', async () => {
    engine.runLockstep.mockReturnValueOnce(new Promise(() => {}));
    engine.runLockstep.mockImplementationOnce(async (lanes: readonly Lane[]) => {
      for (const { events } of lanes) events.onFinished({ appliedSteps: 0 } as RunSummary);
    });
    session.handle(lockstep);
    await eventually(() => expect(engine.runLockstep).toHaveBeenCalled());
    loseDevice({ reason: 'unknown', message: 'driver reset' });
    await happened('completed');
    expect(engine.createTrainer).toHaveBeenCalledTimes(6);
    expect(trainers.map(({ destroy }) => vi.mocked(destroy).mock.calls.length)).toEqual([1, 1, 1, 0, 0, 0]);
    expect(events.filter(({ type }) => type === 'warning')).toMatchObject([
      { run: 0, warning: { kind: 'deviceLost' } },
    ]);
    expect(types()).not.toContain('lost');
  });

  test('pause, resume and stop apply to all modes', async () => {
    let control!: RunControl;
    let end!: () => void;
    engine.runLockstep.mockImplementationOnce(async (_lanes, given: RunControl) => {
      control = given;
      await new Promise<void>((resolve) => {
        end = resolve;
      });
    });
    session.handle(lockstep);
    await eventually(() => expect(end).toBeDefined());
    session.handle({ type: 'pause' });
    expect(control.paused).toBe(true);
    session.handle({ type: 'resume' });
    await happened('resumed');
    expect(control.paused).toBe(false);
    session.handle({ type: 'stop' });
    expect(control.stopped).toBe(true);
    end();
    await happened('completed');
  });
});

test('an engine error is posted with code, message and hint', async () => {
  const error = { code: 'OUT_OF_MEMORY', message: 'refused', hint: 'a smaller batch' } as const;
  engine.runTraining.mockRejectedValueOnce(new EngineError(error.code, error.message, error.hint));
  session.handle({ type: 'train', configs: [config], schedule, text });
  await happened('failed');
  expect(events.at(-1)).toEqual({ type: 'failed', error });
});

test('a training whose device is lost resumes on a new one, paused if it was, and reports each step once', async () => {
  const lost: ((metrics: StepMetrics) => void)[] = [];
  engine.runTraining.mockImplementationOnce(async (_trainer, { onStep }) => {
    for (const step of [1, 2]) onStep({ step, loss: 1 } as StepMetrics);
    lost.push(onStep);
    session.handle({ type: 'pause' });
    return new Promise(() => {});
  });
  engine.runTraining.mockImplementationOnce(async (_trainer, { onStep }) => {
    lost[0]!({ step: 3, loss: 9 } as StepMetrics);
    for (const step of [1, 2, 3]) onStep({ step, loss: 1 } as StepMetrics);
    return { appliedSteps: 1 };
  });
  const takeFrames = vi.fn(() => []);
  engine.createTrainer.mockImplementation(async () => ({
    ...parts,
    numerics: { ...numerics, takeFrames },
    destroy: vi.fn(),
    generate: vi.fn(async () => ({ ids: [], text: '', tokensPerSec: null })),
  }));
  session.handle({ type: 'train', configs: [config], schedule, text });
  await happened('started');
  loseDevice({ reason: 'unknown', message: 'driver reset' });
  await eventually(() =>
    expect(types().lastIndexOf('paused')).toBeGreaterThan(types().lastIndexOf('preparing')),
  );
  expect(engine.runTraining).toHaveBeenCalledTimes(1);
  session.handle({ type: 'resume' });
  await happened('completed');
  const steps = events.flatMap((event) => (event.type === 'metrics' ? event.steps : []));
  expect(steps.map(({ step, loss }) => [step, loss])).toEqual([1, 2, 3].map((step) => [step, 1]));
  expect(engine.openDevice).toHaveBeenCalledTimes(2);
  expect(types().filter((type) => type === 'lost' || type === 'failed')).toEqual([]);
  expect(takeFrames).toHaveBeenCalledTimes(2); // the frames of repeated steps are discarded
});

test('two losses within a minute are reported once, as the end, and the next training opens a new device', async () => {
  engine.runTraining.mockReturnValueOnce(new Promise(() => {}));
  engine.runTraining.mockImplementationOnce(async () => {
    setTimeout(loseDevice, 20, { reason: 'unknown', message: 'driver reset' });
    throw new Error('AbortError: a buffer was unmapped');
  });
  session.handle({ type: 'train', configs: [config], schedule, text });
  await happened('started');
  loseDevice({ reason: 'unknown', message: 'driver reset' });
  await happened('lost');
  expect(events.at(-1)).toMatchObject({
    error: { code: 'DEVICE_LOST', hint: expect.stringMatching(/not saved/) },
  });
  session.handle({ type: 'train', configs: [config], schedule, text });
  await happened('completed');
  expect(types().filter((type) => type === 'lost' || type === 'failed')).toEqual(['lost']);
  expect(engine.openDevice).toHaveBeenCalledTimes(3);
});

test('without an adapter after two losses the hint is to reload; an adapter that returns is used', async () => {
  engine.runTraining.mockReturnValueOnce(new Promise(() => {}));
  engine.runTraining.mockImplementationOnce(async () => {
    engine.openDevice.mockRejectedValueOnce(new EngineError('NO_ADAPTER', 'no', 'do'));
    loseDevice({ reason: 'unknown', message: 'crash' });
    return new Promise(() => {});
  });
  session.handle({ type: 'train', configs: [config], schedule, text });
  await happened('started');
  loseDevice({ reason: 'unknown', message: 'crash' });
  await happened('lost');
  expect(events.at(-1)).toMatchObject({
    error: {
      code: 'NO_ADAPTER',
      message: expect.stringMatching(/twice within a minute.*no longer gives this page a GPU/),
      hint: expect.stringMatching(/not saved.*Reload the page with the browser's button/),
    },
  });
  session.handle({ type: 'train', configs: [config], schedule, text });
  await happened('completed');
});

test('a device lost while nothing trains is reopened when needed, and its models are refused', async () => {
  session.handle({ type: 'train', configs: [config], schedule, text });
  await happened('completed');
  events.length = 0;
  loseDevice({ reason: 'unknown', message: 'driver reset' });
  await Promise.resolve();
  session.handle({ type: 'sample', request });
  session.handle({ type: 'inspect', what: 'weights' });
  session.handle({
    type: 'export',
    of: { run: 0 },
    what: 'run',
    dtype: 'F32',
    weights: 'master',
    folder: '/',
  });
  await happened('exportRefused');
  expect(types()).toEqual(['sampleRefused', 'numericsRefused', 'exportRefused']);
  for (const event of events) expect(event).toMatchObject({ error: { code: 'DEVICE_LOST' } });
  expect(engine.openDevice).toHaveBeenCalledTimes(2);

  session.handle({ type: 'train', configs: [config], schedule, text });
  await happened('completed');
  session.handle({ type: 'sample', request });
  await eventually(() => expect(events.at(-1)?.type).toBe('sampled'));
  expect(types()).not.toContain('lost');
});

test.each([
  ['NO_ADAPTER', 'noAdapter'],
  ['DEVICE_FAILED', 'deviceRequestFailed'],
  ['LIMIT_EXCEEDED', 'limitsTooLow'],
] as const)('%s on opening means %s', async (code, reason) => {
  engine.openDevice.mockRejectedValueOnce(new EngineError(code, 'no', 'do'));
  session.handle({ type: 'open' });
  await happened('unsupported');
  expect(events).toEqual([{ type: 'unsupported', reason, error: { code, message: 'no', hint: 'do' } }]);
});

test.each([
  ['', 'BAD_TEXT', /empty/],
  ['too short', 'TEXT_TOO_SHORT', /Context 64/],
  ['a\0b', 'BAD_TEXT', /binary/],
])('the visitor’s text %j is refused with %s', async (content, code, message) => {
  session.handle({ type: 'checkText', id: 4, file: new File([content], 'own.txt'), use: config });
  await happened('textRefused');
  // A slow machine reports how far it has read before.
  expect(events.filter(({ type }) => type !== 'textProgress')).toEqual([
    {
      type: 'textRefused',
      id: 4,
      error: expect.objectContaining({ code, message: expect.stringMatching(message) }),
    },
  ]);
});

test('samples are written after each quarter of the steps, and Stop ends them too', async () => {
  const rested: number[] = [];
  engine.runTraining.mockImplementationOnce(async (_trainer, { onStep, pauses }) => {
    expect([...pauses.after]).toEqual([75, 150, 225]);
    onStep({ step: 75, loss: 2.5 } as StepMetrics);
    await pauses.take(75);
    rested.push(75);
    return { appliedSteps: 0 };
  });
  session.handle({ type: 'train', configs: [config], schedule: 'sequential', text });
  await happened('sampling');
  await happened('completed');
  expect(rested).toEqual([75]);
  expect(events.find(({ type }) => type === 'sampled')).toMatchObject({
    sample: { kind: 'live', step: 75, loss: 2.5, prompt: '', length: 100, seed: 1337 },
  });
});
