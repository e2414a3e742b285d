import { expect, test } from 'vitest';
import { loadDawn } from '../../../src/cli/dawn.ts';
import {
  createTrainer,
  openDevice,
  RunControl,
  runTraining,
  type StepMetrics,
  type Trainer,
} from '../../../src/engine/index.ts';
import { mebibytes, memoryPlan } from '../../../src/engine/memoryPlan.ts';
import { datasetFor, TINY, TINY_VOCABULARY, withTrainer } from './helper.ts';

/** A run on a device that may be broken: `withDevice` would rightly fail on the breakage itself. */
async function runWith(onStep: (trainer: Trainer, metrics: StepMetrics) => void): Promise<unknown> {
  const { device, report } = await openDevice(await loadDawn([]));
  const config = { ...TINY, steps: 50, warmup: 0, evalEvery: 0 };
  const trainer = await createTrainer(device, report, config, datasetFor(config), { matmul: 'register32' });
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

test('a validation error on the device ends the run with what the GPU said', async () => {
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

/** Refuses allocations, as a GPU would, that come to more than `budget` bytes together. */
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

test('a GPU that refuses the memory is told with what recomputing more would take', async () => {
  const bytesAt = (recompute: 'none' | 'gelu') =>
    memoryPlan({ ...TINY, recompute }, TINY_VOCABULARY).bytes.total;
  const options = { prepare: (device: GPUDevice) => refuseAbove(device, bytesAt('gelu')) };
  const refused = (recompute: 'none' | 'block') =>
    withTrainer({ recompute }, () => 'a trainer', options).catch((error: unknown) => error);
  expect(await refused('none')).toMatchObject({
    code: 'OUT_OF_MEMORY',
    message: `The GPU refused ${mebibytes(bytesAt('none'))} for this run (no room).`,
    hint: expect.stringContaining(`With recompute gelu the same run takes ${mebibytes(bytesAt('gelu'))}.`),
  });
  expect(await refused('block')).toBe('a trainer');
});
