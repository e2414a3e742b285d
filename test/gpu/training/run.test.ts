/** runTraining and its control: order of events, pause, resume, stop, and giving up. */
import { describe, expect, test } from 'vitest';
import {
  type EvalMetrics,
  RunControl,
  type RunEvents,
  type RunSummary,
  runTraining,
  type StepMetrics,
  type TrainConfig,
  type Trainer,
} from '../../../src/engine/index.ts';
import { differences, resultOf, setOne, settled, snapshot, withTrainer } from './helper.ts';

/** What happened, in order: steps as numbers, evaluations as `eval N`. */
interface Log {
  readonly order: (number | string)[];
  readonly steps: StepMetrics[];
  readonly evals: EvalMetrics[];
}

interface Hooks {
  readonly control?: RunControl;
  readonly onStep?: (metrics: StepMetrics, control: RunControl) => void;
  readonly before?: (trainer: Trainer) => Promise<void>;
  readonly after?: (trainer: Trainer) => Promise<void>;
}

function train(
  overrides: Partial<TrainConfig>,
  { control = new RunControl(), onStep, before, after }: Hooks = {},
) {
  const log: Log = { order: [], steps: [], evals: [] };
  return withTrainer({ steps: 10, ...overrides }, async (trainer) => {
    await before?.(trainer);
    let summary: RunSummary | undefined;
    let error: unknown;
    try {
      summary = await runTraining(
        trainer,
        {
          onStep: (metrics) => {
            log.order.push(metrics.step);
            log.steps.push(metrics);
            onStep?.(metrics, control);
          },
          onEval: (metrics) => {
            log.order.push(`eval ${metrics.step}`);
            log.evals.push(metrics);
          },
        },
        control,
      );
    } catch (caught) {
      error = caught;
    }
    await after?.(trainer);
    return { ...log, summary, error };
  });
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('events', () => {
  test('steps come in order, evaluations after their steps, and one evaluation at the end', async () => {
    const { order, steps, evals, summary } = await train({ evalEvery: 4 });
    expect(order).toEqual([1, 2, 3, 4, 'eval 4', 5, 6, 7, 8, 'eval 8', 9, 10, 'eval 10']);
    expect(summary).toMatchObject({
      precision: 'fp32',
      storage: null,
      steps: 10,
      appliedSteps: 10,
      skippedSteps: 0,
      lossScale: 1,
      firstLoss: steps[0]!.loss,
      finalLoss: steps[9]!.loss,
      valLoss: evals[2]!.valLoss,
      kernels: { matmul: 'register32' },
    });
    expect(steps.map(({ appliedSteps }) => appliedSteps)).toEqual(upTo(10));
    expect(evals[2]!.valLoss).toBeLessThan(evals[0]!.valLoss!);
    expect(summary!.tokensPerSec! * (summary!.msPerStep! / 1000)).toBeCloseTo(128, 6);
    // A peak that is measured too low would make it null.
    expect(summary!.mfu).toBeGreaterThan(0);
    expect(summary!.mfu).toBeLessThan(1);
  });

  test('an interval that divides the run does not evaluate twice; too few steps have no speed', async () => {
    const { order, summary } = await train({ steps: 5, evalEvery: 5 });
    expect(order).toEqual([1, 2, 3, 4, 5, 'eval 5']);
    expect(summary).toMatchObject({ tokensPerSec: null, msPerStep: null, mfu: null });
  });

  test('a pause comes after its step, once every step is done, and its time is not counted', async () => {
    const seen: (number | string)[] = [];
    const REST_MS = 500;
    let wall = 0;
    const summary = await withTrainer({ steps: 12, evalEvery: 0 }, async (trainer) => {
      const start = performance.now();
      const result = await runTraining(
        trainer,
        {
          onStep: ({ step }) => seen.push(step),
          onEval: () => {},
          pauses: {
            after: new Set([3, 9]),
            take: async (step) => {
              seen.push(`rest ${step}`);
              expect(trainer.pendingReadbacks).toBe(0);
              await wait(REST_MS);
            },
          },
        },
        new RunControl(),
      );
      wall = performance.now() - start;
      return result;
    });
    expect(seen).toEqual([1, 2, 3, 'rest 3', 4, 5, 6, 7, 8, 9, 'rest 9', 10, 11, 12]);
    // Seven steps are counted, after five of warm-up: their time and the pauses are separate in the wall time.
    expect(7 * summary.msPerStep!).toBeLessThan(wall - 2 * REST_MS + 50);
  });

  test('kernels that are requested during a run compile between its steps, and the counts are in the summary', async () => {
    const seen: (number | string)[] = [];
    await withTrainer({ precision: 'fp16-noscale', steps: 9, evalEvery: 0 }, async (trainer) => {
      const events: RunEvents = {
        onStep: ({ step }) => {
          seen.push(step);
          if (step === 2) void trainer.numerics.enable(100);
        },
        onEval: () => {},
        onWaited: () => {
          seen.push(`ready: ${trainer.numerics.isReady}, in flight: ${trainer.pendingReadbacks}`);
        },
        onGradients: ({ step }) => seen.push(`gradients after ${step}`),
      };
      const summary = await runTraining(trainer, events, new RunControl());
      expect(summary.gradientsFlushed).toBeGreaterThan(0.01);
      expect(summary.gradientsFlushed).toBeLessThan(1);
    });
    const waited = seen.findIndex((entry) => String(entry).startsWith('ready'));
    expect(seen[waited]).toBe('ready: true, in flight: 0');
    expect(seen.filter((entry) => typeof entry === 'number')).toEqual(upTo(9));
    expect(waited).toBeGreaterThan(1);
    expect(waited).toBeLessThan(9);
    expect(seen.at(-1)).toBe('gradients after 9');
  });

  test('a run of 0 steps ends with a summary of the start', async () => {
    const { order, summary } = await train({ steps: 0, warmup: 0 });
    expect(order).toEqual(['eval 0']);
    expect(summary).toMatchObject({ steps: 0, appliedSteps: 0, firstLoss: null, finalLoss: null });
    expect(summary!.valLoss).toBeGreaterThan(3);
  });
});

describe('control', () => {
  test('a pause holds the next step until it ends; the run is the same bits', async () => {
    const ends: Map<string, Buffer>[] = [];
    const after = async (trainer: Trainer) => {
      ends.push(await snapshot(trainer));
    };
    const plain = await train({}, { after });
    let stepsInPause = -1;
    let paused: Promise<void> | undefined;
    let training: Trainer;
    const onStep = ({ step }: StepMetrics, control: RunControl) => {
      if (step !== 3) return;
      control.pause();
      control.pause(); // once more changes nothing
      expect(control.paused).toBe(true);
      paused = (async () => {
        await settled([training]);
        const before = seen.length;
        await wait(300); // longer than some steps take: a step that is not held would be seen
        stepsInPause = seen.length - before;
        control.resume();
        expect(control.paused).toBe(false);
      })();
    };
    const seen: number[] = [];
    const interrupted = await train(
      {},
      {
        before: async (trainer) => {
          training = trainer;
        },
        after,
        onStep: (metrics, control) => {
          seen.push(metrics.step);
          onStep(metrics, control);
        },
      },
    );
    await paused;
    expect(stepsInPause).toBe(0);
    expect(interrupted.order).toEqual(plain.order);
    expect(interrupted.steps.map(resultOf)).toEqual(plain.steps.map(resultOf));
    expect(differences(ends[1]!, ends[0]!)).toEqual([]);
    expect(interrupted.summary).toMatchObject({ steps: 10, valLoss: plain.summary!.valLoss });
  });

  test('a stop in the middle ends with a complete summary of the steps taken', async () => {
    const { order, steps, summary } = await train(
      { steps: 20 },
      { onStep: ({ step }, control) => step === 4 && control.stop() },
    );
    const taken = steps.length;
    expect(taken).toBeGreaterThanOrEqual(4);
    expect(taken).toBeLessThanOrEqual(4 + 4); // those already on their way
    expect(order).toEqual([...upTo(taken), `eval ${taken}`]);
    expect(summary).toMatchObject({ steps: taken, appliedSteps: taken, finalLoss: steps.at(-1)!.loss });
    expect(summary!.valLoss).toBeGreaterThan(0);
  });

  test('an abandoned run ends without an evaluation', async () => {
    const { order, steps, summary } = await train(
      { steps: 20 },
      { onStep: ({ step }, control) => step === 2 && control.abandon() },
    );
    expect(order).toEqual(upTo(steps.length));
    expect(steps.length).toBeLessThan(20);
    expect(summary).toMatchObject({ steps: steps.length, valLoss: null, mfu: null });
  });

  test('a stop ends a pause; a stopped run cannot be paused; stopped before the start it takes no step', async () => {
    const { order, summary } = await train(
      {},
      {
        onStep: ({ step }, control) => {
          if (step !== 2) return;
          control.pause();
          setTimeout(() => control.stop(), 100);
        },
      },
    );
    expect(summary!.steps).toBeGreaterThanOrEqual(2);
    expect(order).toEqual([...upTo(summary!.steps), `eval ${summary!.steps}`]);

    const control = new RunControl();
    control.stop();
    control.pause();
    expect(control.paused).toBe(false);
    expect((await train({}, { control })).summary).toMatchObject({ steps: 0 });
  });
});

describe('giving up', () => {
  const spoil = (trainer: Trainer) => setOne(trainer, 'ln_f.bias', 0, Number.POSITIVE_INFINITY);

  test.each([
    ['fp32', null],
    ['fp16-static', 2 ** 10],
  ] as const)(
    '%s stops after ten skips in a row, names the tensor and reports the run so far',
    async (precision, lossScale) => {
      let before: Map<string, Buffer> | undefined;
      let changed: string[] | undefined;
      const { steps, error } = await train(
        { precision, lossScale, steps: 100, warmup: 2 },
        {
          before: async (trainer) => {
            await spoil(trainer);
            before = await snapshot(trainer);
          },
          after: async (trainer) => {
            changed = differences(before!, await snapshot(trainer), true);
          },
        },
      );
      expect(error).toMatchObject({
        code: 'TOO_MANY_SKIPS',
        message: expect.stringContaining('ln_f'),
        summary: { steps: steps.length, skippedSteps: steps.length, appliedSteps: 0, firstLoss: null },
      });
      expect(steps.length).toBeGreaterThanOrEqual(10);
      expect(steps.length).toBeLessThanOrEqual(10 + 4);
      expect(steps.every(({ skipped }) => skipped)).toBe(true);
      expect(changed).toEqual([]);
    },
  );

  test('a dynamic scale keeps trying', async () => {
    const { summary, error } = await train({ precision: 'fp16', steps: 20 }, { before: spoil });
    expect(error).toBeUndefined();
    expect(summary).toMatchObject({ steps: 20, skippedSteps: 20, lossScale: 1, valLoss: null });
  });
});
