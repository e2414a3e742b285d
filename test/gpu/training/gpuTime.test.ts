/** The GPU time of steps, where the device has timestamps, and without it where it has none. */
import { describe, expect, test } from 'vitest';
import { RunControl, runLockstep, runTraining } from '../../../src/engine/index.ts';
import { takeTimedSteps, withTrainer } from './helper.ts';

const QUIET = { onStep: () => {}, onEval: () => {} };

describe('the GPU time of steps', () => {
  test.each([1, 2])('lies within their wall time, with %i micro-batches', (accumulation) =>
    withTrainer({ precision: 'fp16', accumulation }, async (trainer) => {
      const start = performance.now();
      const steps = await takeTimedSteps(trainer, 6);
      const wall = performance.now() - start;
      const times = steps.map(({ gpuMs }) => gpuMs!);
      for (const time of times) expect(time).toBeGreaterThan(0);
      expect(times.reduce((sum, time) => sum + time, 0)).toBeLessThan(wall);
    }),
  );

  test('covers the whole step, however many submissions it is split into', async () => {
    const stamped: string[] = [];
    const prepare = (device: GPUDevice) => {
      const create = device.createCommandEncoder.bind(device);
      device.createCommandEncoder = (descriptor) => {
        const encoder = create(descriptor);
        const begin = encoder.beginComputePass.bind(encoder);
        encoder.beginComputePass = (pass) => {
          const writes = pass?.timestampWrites;
          if (writes?.beginningOfPassWriteIndex !== undefined) stamped.push(`start in ${pass?.label}`);
          if (writes?.endOfPassWriteIndex !== undefined) stamped.push(`end in ${pass?.label}`);
          return begin(pass);
        };
        return encoder;
      };
    };
    await withTrainer({ accumulation: 3 }, (trainer) => takeTimedSteps(trainer, 2), { prepare });
    const step = ['start in microBatch', 'end in optimizer'];
    expect(stamped).toEqual([...step, ...step]);
  });

  test('is missing on a device without timestamps, and nothing else changes', () =>
    withTrainer(
      { precision: 'fp16', steps: 8 },
      async (trainer) => {
        const summary = await runTraining(trainer, QUIET, new RunControl());
        expect(summary).toMatchObject({ steps: 8, gpuMsPerStep: null });
        expect(summary.tokensPerSec).toBeGreaterThan(0);
        expect((await takeTimedSteps(trainer, 1)).map(({ gpuMs }) => gpuMs)).toEqual([null]);
      },
      { features: ['shader-f16', 'subgroups'] },
    ));

  test.each([5, 8])('gives a run of %i steps in lockstep the mean of those after the warm-up', (steps) =>
    withTrainer({ steps, evalEvery: 0 }, async (trainer) => {
      const times: number[] = [];
      let mean: number | null = null;
      const onStep = ({ gpuMs }: { gpuMs: number | null }) => times.push(gpuMs!);
      const onFinished = ({ gpuMsPerStep }: { gpuMsPerStep: number | null }) => {
        mean = gpuMsPerStep;
      };
      const events = { ...QUIET, onStep, onFinished, onFailed: () => {} };
      await runLockstep([{ trainer, events }], new RunControl());
      const counted = times.slice(5);
      if (counted.length === 0) expect(mean).toBeNull();
      else expect(mean).toBeCloseTo(counted.reduce((sum, time) => sum + time, 0) / counted.length, 9);
    }),
  );
});
