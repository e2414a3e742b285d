/** A run whose device is lost continues bit by bit like a run that kept its device. */
import { expect, test } from 'vitest';
import { loadDawn } from '../../../src/cli/dawn.ts';
import type { RunChange } from '../../../src/engine/checkpoint/runChanges.ts';
import { DeviceAccess } from '../../../src/engine/gpu/deviceAccess.ts';
import { createTrainer, openDevice, RunControl, runLockstep } from '../../../src/engine/index.ts';
import type { EvalMetrics, StepMetrics } from '../../../src/engine/train/metrics.ts';
import { Recovery } from '../../../src/engine/train/recovery.ts';
import { ResumableRun } from '../../../src/engine/train/resumableRun.ts';
import type { RunWarning } from '../../../src/engine/train/runWarning.ts';
import { datasetFor, resultOf, TINY } from './helper.ts';

const STEPS = 12;
const CONFIGS = (['fp16', 'fp32'] as const).map((precision) => ({
  ...{ ...TINY, precision, steps: STEPS, evalEvery: 4 },
  // Skipped steps and a growing scale are part of what must come back.
  ...(precision === 'fp16' && { lossScale: 2 ** 34, growthInterval: 2 }),
}));

/** Trains both in lockstep; the device is destroyed when step `loseAt` arrives, and the next has another name. Copies are taken as often as is allowed. */
async function train({ loseAt = 0, everyMs = 0 }) {
  const control = new RunControl();
  const access = new DeviceAccess(async () => openDevice(await loadDawn([])));
  const runs = CONFIGS.map((config) => ({
    config,
    kept: new ResumableRun({ everyMs }),
    steps: [] as unknown[],
    evals: [] as EvalMetrics[],
    warnings: [] as RunWarning[],
    changes: [] as readonly RunChange[],
  }));
  let repeated = 0;
  let devices = 0;
  await new Recovery(access).run({
    control,
    async train({ device, report: own }) {
      devices += 1;
      const report = { ...own, name: `GPU ${devices}` };
      const lanes = [];
      for (const run of runs) {
        const { config, kept, steps, evals, warnings } = run;
        const dataset = datasetFor(config);
        const trainer = await kept.make(config, (same, options) =>
          createTrainer(device, report, same, dataset, options),
        );
        const events = {
          onStep: (metrics: StepMetrics) => {
            steps.push(resultOf(metrics));
            if (metrics.step === loseAt && devices === 1) device.destroy();
          },
          onRepeated: () => {
            repeated += 1;
          },
          onEval: (metrics: EvalMetrics) => void evals.push(metrics),
          onWarning: (warning: RunWarning) => void warnings.push(warning),
          onFinished() {},
          onFailed() {},
        };
        run.changes = trainer.changes;
        lanes.push({ trainer, events: kept.attach(trainer, events) });
      }
      await runLockstep(lanes, control);
      for (const { trainer } of lanes) trainer.destroy();
    },
    drop: () => {
      for (const { kept } of runs) kept.detach();
    },
    saved: async () => '',
  });
  access.close();
  const results = runs.map(({ steps, evals }) => ({ steps, evals }));
  const warnings = runs.flatMap((run) => run.warnings);
  return { results, devices, repeated, warnings, changes: runs.flatMap((run) => run.changes) };
}

test('from the latest copy, or else from the seed, every loss and evaluation equals that of an undisturbed run', async () => {
  const whole = await train({});
  expect(whole.results.map(({ steps }) => steps.length)).toEqual([STEPS, STEPS]);

  expect(whole.changes).toEqual([]);
  const change = { what: 'adapter', from: 'GPU 1', to: 'GPU 2' };

  const fromCopy = await train({ loseAt: 7 });
  expect(fromCopy.changes).toMatchObject([change, change]);
  for (const { step } of fromCopy.changes) expect(step).toBeGreaterThan(1);
  expect(fromCopy.devices).toBe(2);
  expect(fromCopy.results).toEqual(whole.results);
  expect(fromCopy.warnings[0]!.message).toMatch(
    /^The GPU was lost after step 7\. Training resumes from step \d/,
  );

  const fromSeed = await train({ loseAt: 3, everyMs: Number.POSITIVE_INFINITY });
  // Among the reported steps, those before the loss of the device ran on the first device.
  expect(fromSeed.changes).toEqual([change, change].map((of) => ({ step: 1, ...of })));
  expect(fromSeed.results).toEqual(whole.results);
  expect(fromSeed.repeated).toBeGreaterThanOrEqual(3);
  expect(fromSeed.warnings[0]!.message).toMatch(/restarts from its seed/);
});

test('a save that is lost with the device does not block the next one', async () => {
  const [config] = CONFIGS;
  const { device, report } = await openDevice(await loadDawn([]));
  const trainer = await createTrainer(device, report, config!, datasetFor(config!));
  const snapshots = await trainer.snapshots();
  trainer.step();
  const [first, second] = [1, 2].map(() => snapshots.takeNext(() => trainer.submittedSteps));
  device.destroy();
  await expect(first).rejects.toThrow();
  await expect(second).rejects.toThrow();
  trainer.destroy();
});
