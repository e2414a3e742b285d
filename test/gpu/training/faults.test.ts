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
import { datasetFor, TINY } from './helper.ts';

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
