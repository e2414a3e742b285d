import { expect, test } from 'vitest';
import { loadDawn } from '../../../src/cli/dawn.ts';
import { mebibytes } from '../../../src/engine/core/mebibytes.ts';
import {
  createTrainer,
  openDevice,
  RunControl,
  reportOf,
  runTraining,
  type StepMetrics,
  type TrainConfig,
  type Trainer,
  type TrainerOptions,
} from '../../../src/engine/index.ts';
import { memoryPlan } from '../../../src/engine/model/memoryPlan.ts';
import { ResumableRun } from '../../../src/engine/train/resumableRun.ts';
import { withDevice } from '../device.ts';
import { datasetFor, TINY, TINY_VOCABULARY, takeSteps, withTrainer } from './helper.ts';

/** A run on a device that the test may break: `withDevice` would rightly fail on that error. */
async function runWith(onStep: (trainer: Trainer, metrics: StepMetrics) => void): Promise<unknown> {
  const { device, report } = await openDevice(await loadDawn([]));
  const config = { ...TINY, steps: 50, warmup: 0, evalEvery: 0 };
  const trainer = await createTrainer(device, report, config, datasetFor(config));
  try {
    const events = { onStep: (metrics: StepMetrics) => onStep(trainer, metrics), onEval: () => undefined };
    return await runTraining(trainer, events, new RunControl());
  } finally {
    trainer.destroy();
    device.destroy();
  }
}

test('a device that is lost ends the run with the reason', async () => {
  const run = runWith((trainer, { step }) => {
    if (step === 3) trainer.device.destroy();
  });
  await expect(run).rejects.toMatchObject({ code: 'DEVICE_LOST' });
});

test('a validation error on the device ends the run with the message of the GPU', async () => {
  const run = runWith((trainer, { step }) => {
    if (step !== 3) return;
    const { device } = trainer;
    const buffer = device.createBuffer({ size: 16, usage: 0x4 });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, buffer, 4, 32);
    device.queue.submit([encoder.finish()]);
  });
  await expect(run).rejects.toMatchObject({ code: 'GPU_VALIDATION' });
});

/** Refuses allocations beyond a total of `budget` bytes, as a GPU would. */
function refuseAbove(device: GPUDevice, budget: number): void {
  let bytes = 0;
  const [push, pop, create] = [device.pushErrorScope, device.popErrorScope, device.createBuffer];
  device.pushErrorScope = (filter) => {
    bytes = 0;
    return push.call(device, filter);
  };
  device.createBuffer = (descriptor) => {
    bytes += descriptor.size;
    return create.call(device, descriptor);
  };
  device.popErrorScope = async () => {
    const refused = bytes > budget;
    bytes = 0;
    const error = await pop.call(device);
    return refused ? ({ message: 'no room' } as GPUError) : error;
  };
}

test('a GPU that refuses the memory is reported with the memory needed, now and with more recomputation', () =>
  withDevice(async (device, { adapter, buffers }) => {
    const bytesOf = (config: Partial<TrainConfig>) =>
      memoryPlan({ ...TINY, ...config }, TINY_VOCABULARY).bytes.total;
    refuseAbove(device, bytesOf({ recompute: 'gelu' }));
    const report = reportOf(adapter, device);
    const make = (config: TrainConfig, options: TrainerOptions = {}) =>
      createTrainer(device, report, config, datasetFor(config), options);
    expect(await make(TINY).catch((error: unknown) => error)).toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: `The GPU could not allocate ${mebibytes(bytesOf({}))} for this run (no room).`,
      hint: `Use micro-batch 4, for which the GPU has the memory (${mebibytes(bytesOf({ microBatch: 4 }))}); steps and evaluations see the same tokens. With recompute gelu the same run needs ${mebibytes(bytesOf({ recompute: 'gelu' }))}.`,
    });
    expect(buffers.size).toBe(0);
    (await make({ ...TINY, recompute: 'block' })).destroy();

    // The accumulated steps continue without help, on the same tokens.
    const asked = { ...TINY, accumulation: 2 };
    const smaller = await new ResumableRun().make(asked, make);
    expect(smaller.config).toMatchObject({ batch: 8, accumulation: 2, microBatch: 4 });
    const started = async (trainer: Trainer) => ({
      start: trainer.start,
      valLoss: await trainer.evaluate(),
      step: (await takeSteps(trainer, 1))[0]!,
    });
    const cut = await started(smaller);
    smaller.destroy();
    expect(buffers.size).toBe(0);
    const whole = await withTrainer(asked, started);
    expect(cut.start).toEqual(whole.start);
    expect(cut.valLoss).toBe(whole.valLoss);
    // Each of two means adds 2 * 8 * 16 positive losses in f32, in an order of its own.
    const bound = 2 * 256 * 2 ** -24 * whole.step.loss!;
    const error = Math.abs(cut.step.loss! - whole.step.loss!);
    console.info(`loss of 4 micro-batches against that of 2: error ${error}, bound ${bound}`);
    expect(error).toBeLessThanOrEqual(bound);
  }));
