import { beforeEach, describe, expect, test } from 'vitest';
import type { RunChange } from '../../src/engine/checkpoint/runChanges.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { microBatchOf, type TrainConfig } from '../../src/engine/config/trainConfig.ts';
import { EngineError } from '../../src/engine/core/errors.ts';
import type { AdapterReport } from '../../src/engine/gpu/device.ts';
import { DeviceAccess } from '../../src/engine/gpu/deviceAccess.ts';
import { SubmitPace } from '../../src/engine/gpu/submitPace.ts';
import type { TrainerOptions } from '../../src/engine/train/createTrainer.ts';
import type { StepMetrics } from '../../src/engine/train/metrics.ts';
import { type RecoverableTraining, Recovery } from '../../src/engine/train/recovery.ts';
import { RefusedMemoryError } from '../../src/engine/train/refusedMemory.ts';
import { ResumableRun, type ResumableRunEvents } from '../../src/engine/train/resumableRun.ts';
import { RunControl } from '../../src/engine/train/run.ts';
import type { RunWarning } from '../../src/engine/train/runWarning.ts';
import type { Trainer } from '../../src/engine/train/trainer.ts';

describe('when the device is lost', () => {
  let lose: () => void;
  let now: number;
  let waits: number[];
  let refusals: number;
  let opened: number;
  let dropped: number;
  let recovery: Recovery;
  const away = new EngineError('NO_ADAPTER', 'No GPU.', 'Update.');

  beforeEach(() => {
    now = 0;
    waits = [];
    refusals = 0;
    opened = 0;
    dropped = 0;
    const request = async () => {
      if (opened > 0 && refusals-- > 0) throw away;
      opened += 1;
      const lost = new Promise<GPUDeviceLostInfo>((resolve) => {
        lose = () => resolve({ reason: 'unknown', message: 'reset' } as GPUDeviceLostInfo);
      });
      return { device: { lost } as GPUDevice, report: {} as AdapterReport };
    };
    recovery = new Recovery(new DeviceAccess(request), {
      now: () => now,
      wait: async (milliseconds) => {
        waits.push(milliseconds);
        now += milliseconds;
      },
    });
  });

  /** Attempt i runs `attempts[i]`. */
  function survivor(
    attempts: readonly (() => Promise<string>)[],
    control = new RunControl(),
  ): RecoverableTraining<string> {
    let attempt = 0;
    return {
      control,
      train: () => attempts[attempt++]!(),
      drop: () => {
        dropped += 1;
      },
      saved: async () => 'Saved at step 7.',
    };
  }
  const loseAfter = (milliseconds: number) => async () => {
    now += milliseconds;
    lose();
    throw new Error('AbortError: a buffer was unmapped');
  };
  const hang = () => {
    lose();
    return new Promise<string>(() => {});
  };

  test('training continues on another one, whether the loss shows as an error or not at all', async () => {
    const done = async () => 'done';
    expect(await recovery.run(survivor([hang, loseAfter(60_000), done]))).toBe('done');
    expect({ opened, dropped, waits }).toEqual({ opened: 3, dropped: 2, waits: [0, 0] });
  });

  test('a second loss within a minute, in any run, ends training', async () => {
    expect(await recovery.run(survivor([hang, async () => 'first run']))).toBe('first run');
    await expect(recovery.run(survivor([loseAfter(59_000)]))).rejects.toMatchObject({
      code: 'DEVICE_LOST',
      message: expect.stringMatching(/twice within a minute.*reset/),
      hint: expect.stringMatching(/^Saved at step 7\. Close other/),
    });
    expect({ opened, dropped }).toEqual({ opened: 2, dropped: 2 });
  });

  test('a missing adapter is requested again with growing delays, but not forever', async () => {
    refusals = 3;
    expect(await recovery.run(survivor([hang, async () => 'done']))).toBe('done');
    expect(waits).toEqual([0, 500, 1000, 2000]);
    now += 60_000;
    refusals = Number.POSITIVE_INFINITY;
    await expect(recovery.run(survivor([hang]))).rejects.toMatchObject({
      code: 'NO_ADAPTER',
      message: 'The GPU was lost and did not come back. No GPU.',
      hint: 'Saved at step 7. Update.',
    });
  });

  test('a stop ends the wait, and an error without a loss is passed on', async () => {
    const control = new RunControl();
    control.stop();
    expect(await recovery.run(survivor([hang], control))).toBeNull();
    const refused = new EngineError('OUT_OF_MEMORY', 'no', 'do');
    await expect(recovery.run(survivor([() => Promise.reject(refused)]))).rejects.toBe(refused);
    expect(opened).toBe(2);
  });
});

describe('events of a run that continues after a loss', () => {
  // These kernels have matrix units; without them the repeated steps would differ in their last bits.
  const KERNELS = { matmul: 'register32', subgroupMatrix: 'f16 16x16x16' } as const;
  const trainerAt = (
    submittedSteps: number,
    name = 'a GPU',
    pace = new SubmitPace(1, 1),
    changes: readonly RunChange[] = [],
  ) =>
    ({
      submittedSteps,
      takeMetrics: () => [],
      report: { name },
      kernels: KERNELS,
      config: PRESETS.smoke.config,
      changes,
      pace,
    }) as unknown as Trainer;
  const step = (number: number) => ({ step: number }) as StepMetrics;
  const optionsOf = async (kept: ResumableRun): Promise<TrainerOptions> => {
    let found: TrainerOptions = {};
    await kept.make(PRESETS.smoke.config, async (_, options) => {
      found = options;
      return trainerAt(0);
    });
    return found;
  };

  test('every step, evaluation and sample is reported once, repeated steps separately, and nothing of the old device', async () => {
    const reported: string[] = [];
    const warnings: RunWarning[] = [];
    const events = {
      onStep: (metrics: StepMetrics) => void reported.push(`step ${metrics.step}`),
      onRepeated: (metrics: StepMetrics) => void reported.push(`again ${metrics.step}`),
      onEval: (metrics: { step: number }) => void reported.push(`eval ${metrics.step}`),
      onWarning: (warning: RunWarning) => void warnings.push(warning),
      pauses: { after: new Set([2]), take: async (at: number) => void reported.push(`sample ${at}`) },
    };
    const kept = new ResumableRun({ stored: async () => null });
    const train = async (first: number, attached: typeof events) => {
      for (let at = first; at <= first + 2; at++) {
        attached.onStep(step(at));
        if (at === 2) {
          attached.onEval({ step: 2 });
          await attached.pauses.take(2);
        }
      }
    };
    const before = kept.attach(trainerAt(0), events);
    await train(1, before);
    kept.detach();
    const after = kept.attach(trainerAt(1), events);
    before.onStep(step(4));
    await train(2, after);
    expect(reported).toEqual([
      'step 1',
      'step 2',
      'eval 2',
      'sample 2',
      'step 3',
      'again 2',
      'again 3',
      'step 4',
    ]);
    expect(warnings).toEqual([
      {
        kind: 'deviceLost',
        step: 3,
        message: 'The GPU was lost after step 3. Training resumes from step 1 automatically.',
        hint: 'Steps 2 to 3 are computed again, with identical results, and counted once.',
      },
    ]);
    const { config } = PRESETS.smoke;
    const trainedBy = { adapter: 'a GPU', kernels: KERNELS, config, changes: [] };
    expect(await optionsOf(kept)).toEqual({ resume: undefined, before: trainedBy, submitMs: 300 });
  });

  test('an evaluation before the first step is reported once', () => {
    const reported: object[] = [];
    const kept = new ResumableRun();
    for (let device = 0; device < 2; device++) {
      const events = kept.attach(trainerAt(0), {
        onStep() {},
        onEval: (metrics) => void reported.push(metrics),
      });
      events.onEval({ step: 0, valLoss: 4.5 });
      kept.detach();
    }
    expect(reported).toEqual([{ step: 0, valLoss: 4.5 }]);
  });

  test('metrics that arrived before the loss are reported, although the run resumes after their steps', () => {
    const reported: number[] = [];
    const events = { onStep: (metrics: StepMetrics) => void reported.push(metrics.step), onEval() {} };
    const kept = new ResumableRun();
    const arrived = [step(2), step(3)];
    const lost = Object.assign(trainerAt(0), { takeMetrics: () => arrived.splice(0) });
    kept.attach(lost, events).onStep(step(1));
    kept.detach(); // step 3 is saved, but was not reported yet
    kept.attach(trainerAt(3), events).onStep(step(4));
    expect(reported).toEqual([1, 2, 3, 4]);
  });

  test('after work that hung, submissions are half as long, and the warning says so', async () => {
    let now = 0;
    const pace = new SubmitPace(1, 1, 300, () => now);
    const warnings: RunWarning[] = [];
    const events = {
      onStep() {},
      onEval() {},
      onWarning: (warning: RunWarning) => void warnings.push(warning),
    };
    const kept = new ResumableRun();
    kept.attach(trainerAt(0, 'a GPU', pace), events);
    pace.stepSubmitted();
    now = 10_000;
    kept.detach();
    const { submitMs } = await optionsOf(kept);
    expect(submitMs).toBe(150);
    kept.attach(trainerAt(0, 'a GPU', new SubmitPace(1, 1, submitMs)), events);
    expect(warnings[0]!.hint).toBe(
      'Nothing is lost. Work is submitted in parts of at most 150 ms from here on.',
    );
  });

  test('the warning names another adapter and says that results may differ', () => {
    const warnings: RunWarning[] = [];
    const events = {
      onStep() {},
      onEval() {},
      onWarning: (warning: RunWarning) => void warnings.push(warning),
    };
    const kept = new ResumableRun();
    kept.attach<ResumableRunEvents>(trainerAt(0), events).onStep(step(1));
    kept.attach(trainerAt(0, 'another'), events);
    expect(warnings[0]).toMatchObject({
      message: 'The GPU was lost after step 1. Training restarts from its seed automatically.',
      hint: expect.stringMatching(
        /^From step 1 on: another adapter \(another instead of a GPU\)\. Losses may differ/,
      ),
    });
  });

  test('the changes of a saved run are reported once, and nothing for a run without changes', () => {
    const warnings: RunWarning[] = [];
    const events = {
      onStep() {},
      onEval() {},
      onWarning: (warning: RunWarning) => void warnings.push(warning),
    };
    const changes = [{ step: 21, what: 'adapter', from: 'a GPU', to: 'another' }] as const;
    const kept = new ResumableRun();
    const resumed = () => trainerAt(20, 'another', new SubmitPace(1, 1), changes);
    kept.attach(resumed(), events);
    new ResumableRun().attach(trainerAt(20), events);
    expect(warnings).toEqual([
      {
        kind: 'changed',
        step: 20,
        message: 'From step 21 on: another adapter (another instead of a GPU).',
        hint: 'Losses may differ in their last bits from those of an uninterrupted run.',
      },
    ]);
    kept.detach();
    kept.attach(resumed(), events);
    expect(warnings.map(({ kind }) => kind)).toEqual(['changed', 'deviceLost']);
    expect(warnings[1]!.hint).toBe('Nothing is lost.');
  });

  describe('when the GPU cannot allocate the memory', () => {
    const config = { ...PRESETS.smoke.config, batch: 12, accumulation: 2 };
    /** Allocates micro-batches of up to 3, and suggests that. */
    const create = async (config: TrainConfig) => {
      const windows = microBatchOf(config);
      if (windows > 3) throw new RefusedMemoryError('no', 'do', windows > 6 ? 6 : 3, null);
      return trainerAt(0);
    };

    test('accumulated steps use smaller micro-batches of the same tokens, which is reported once', async () => {
      const warnings: RunWarning[] = [];
      const events = {
        onStep() {},
        onEval() {},
        onWarning: (warning: RunWarning) => void warnings.push(warning),
      };
      const made: string[] = [];
      const kept = new ResumableRun();
      const make = () =>
        kept.make(config, (trained) => {
          made.push(`${trained.batch} x ${trained.accumulation} in ${microBatchOf(trained)}`);
          return create(trained);
        });
      kept.attach(await make(), events);
      kept.attach(await make(), events); // the next device uses them immediately
      expect(made).toEqual(['12 x 2 in 12', '12 x 2 in 6', '12 x 2 in 3', '12 x 2 in 3']);
      expect(warnings.filter(({ kind }) => kind === 'smallerBatch').map(({ message }) => message)).toEqual([
        'The GPU has too little memory for micro-batches of 12: each step runs in 8 of 3 instead of 2 of 12.',
      ]);
    });

    test('steps of one batch, compared runs, and runs that do not fit at all fail', async () => {
      const refused = { code: 'OUT_OF_MEMORY' };
      await expect(new ResumableRun().make({ ...config, accumulation: 1 }, create)).rejects.toMatchObject(
        refused,
      );
      await expect(new ResumableRun({ shrinks: false }).make(config, create)).rejects.toMatchObject(refused);
      const never = () => Promise.reject(new RefusedMemoryError('no', 'do', 0, null));
      await expect(new ResumableRun().make(config, never)).rejects.toMatchObject(refused);
    });
  });
});
