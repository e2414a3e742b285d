/** Several trainers in turn on one device: the same bits as each alone, and a failure affects its own lane only. */
import { describe, expect, test } from 'vitest';
import {
  createTrainer,
  type EngineError,
  type Lane,
  type PrecisionMode,
  RunControl,
  type RunSummary,
  reportOf,
  runLockstep,
  runTraining,
  type StepMetrics,
  type TrainConfig,
  type Trainer,
} from '../../../src/engine/index.ts';
import { withDevice } from '../device.ts';
import { datasetFor, setOne, settled, TINY } from './helper.ts';

interface Recorded {
  readonly trainer: Trainer;
  readonly lane: Lane;
  readonly steps: StepMetrics[];
  summary?: RunSummary;
  error?: EngineError;
}

function record(trainer: Trainer, order: string[], onStep?: (step: StepMetrics) => void): Recorded {
  const recorded: Recorded = { trainer, steps: [], lane: undefined as unknown as Lane };
  const { precision } = trainer.config;
  const events: Lane['events'] = {
    onStep: (step) => {
      recorded.steps.push(step);
      order.push(`${precision} ${step.step}`);
      onStep?.(step);
    },
    onEval: ({ step }) => order.push(`${precision} eval ${step}`),
    onFinished: (summary) => {
      recorded.summary = summary;
    },
    onFailed: (error) => {
      recorded.error = error;
    },
  };
  return Object.assign(recorded, { lane: { trainer, events } });
}

/** Trainers of all modes on one device. */
function withTrainers<T>(
  modes: readonly PrecisionMode[],
  overrides: Partial<TrainConfig>,
  body: (trainers: Trainer[]) => Promise<T>,
): Promise<T> {
  return withDevice(async (device, { adapter }) => {
    const trainers: Trainer[] = [];
    for (const precision of modes) {
      const config = { ...TINY, steps: 12, evalEvery: 5, ...overrides, precision };
      trainers.push(await createTrainer(device, reportOf(adapter, device), config, datasetFor(config)));
    }
    try {
      return await body(trainers);
    } finally {
      for (const trainer of trainers) trainer.destroy();
    }
  });
}

const MODES = ['fp32', 'fp16', 'fp16-noscale'] as const;

describe('lockstep', () => {
  test('gives every mode the same bits as alone, and no speed', async () => {
    const alone = await withTrainers(MODES, {}, async (trainers) => {
      const losses: (number | null)[][] = [];
      for (const trainer of trainers) {
        const { steps, lane } = record(trainer, []);
        await runTraining(trainer, lane.events, new RunControl());
        losses.push(steps.map(({ loss }) => loss));
      }
      return losses;
    });
    const order: string[] = [];
    await withTrainers(MODES, {}, async (trainers) => {
      const runs = trainers.map((trainer) => record(trainer, order));
      await runLockstep(
        runs.map(({ lane }) => lane),
        new RunControl(),
      );
      expect(runs.map(({ steps }) => steps.map(({ loss }) => loss))).toEqual(alone);
      for (const { summary } of runs) {
        expect(summary).toMatchObject({ steps: 12, tokensPerSec: null, msPerStep: null, mfu: null });
        expect(summary!.valLoss).toBeGreaterThan(0);
      }
    });
    // Nobody runs ahead: all have been evaluated at step 5 before anyone is at step 10.
    const fives = MODES.map((mode) => order.indexOf(`${mode} eval 5`));
    const tens = MODES.map((mode) => order.indexOf(`${mode} 10`));
    expect(Math.max(...fives)).toBeLessThan(Math.min(...tens));
  });

  test('a mode that fails leaves the others running', async () => {
    await withTrainers(['fp16', 'fp32'], { steps: 20, evalEvery: 0 }, async ([sound, broken]) => {
      await setOne(broken!, 'ln_f.bias', 0, Number.POSITIVE_INFINITY);
      const runs = [record(sound!, []), record(broken!, [])];
      await runLockstep(
        runs.map(({ lane }) => lane),
        new RunControl(),
      );
      expect(runs[0]).toMatchObject({ summary: { steps: 20, skippedSteps: 0 } });
      expect(runs[0]!.error).toBeUndefined();
      expect(runs[1]!.error?.code).toBe('TOO_MANY_SKIPS');
      expect(runs[1]!.summary).toBeUndefined();
      expect(runs[1]!.steps.length).toBeLessThan(20);
    });
  });

  test('pause and stop hold all modes at the same step', async () => {
    await withTrainers(['fp32', 'fp16'], { steps: 200, evalEvery: 0 }, async (trainers) => {
      const control = new RunControl();
      let held: Promise<number[]> | undefined;
      const onStep = ({ step }: StepMetrics) => {
        if (step !== 3 || held) return;
        control.pause();
        held = (async () => {
          await settled(trainers);
          await new Promise((resolve) => setTimeout(resolve, 300)); // a step that is not held would be seen
          const counts = runs.map(({ steps }) => steps.length);
          control.stop();
          return counts;
        })();
      };
      const runs = trainers.map((trainer, i) => record(trainer, [], i === 1 ? onStep : undefined));
      await runLockstep(
        runs.map(({ lane }) => lane),
        control,
      );
      const counts = await held!;
      expect(new Set(counts).size).toBe(1);
      expect(counts[0]).toBeGreaterThanOrEqual(3);
      expect(runs.map(({ summary }) => summary?.steps)).toEqual(counts);
    });
  });
});

describe('the start of a run', () => {
  test('has the same checksums in every mode, others with another seed, and stays readable after training', async () => {
    const all = ['fp32', 'fp16', 'fp16-pure'] as const;
    const starts = await withTrainers(all, {}, async (trainers) => {
      const before = trainers.map(({ start }) => start);
      await setOne(trainers[0]!, 'ln_f.bias', 0, 1);
      expect(trainers[0]!.start).toEqual(before[0]);
      return before;
    });
    expect(starts[1]).toEqual(starts[0]);
    expect(starts[2]).toEqual(starts[0]);
    const [other] = await withTrainers(['fp32'], { seed: 7 }, async (trainers) =>
      trainers.map(({ start }) => start),
    );
    expect(other!.weights).not.toBe(starts[0]!.weights);
    expect(other!.batches).not.toBe(starts[0]!.batches);
  });
});
