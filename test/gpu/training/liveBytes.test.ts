/** Nothing leaks: neither from steps, nor from runs that were started, saved and stopped. */
import { expect, test } from 'vitest';
import { createTrainer, reportOf, type Trainer } from '../../../src/engine/index.ts';
import { collectGarbage } from '../../unit/collectGarbage.ts';
import { type DeviceContext, withDevice } from '../device.ts';
import { datasetFor, TINY, takeSteps, withTrainer } from './helper.ts';

const CYCLES = 50;

function bytesOf(buffers: ReadonlySet<GPUBuffer>): number {
  return [...buffers].reduce((sum, { size }) => sum + size, 0);
}

/** CPU memory in use after garbage collection. */
async function collect(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve)); // weak references are emptied between two tasks
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function saveOnce(trainer: Trainer): Promise<void> {
  const snapshot = await (await trainer.snapshots()).take(trainer.submittedSteps);
  snapshot.release();
}

test('bytes on the GPU do not grow over 300 steps with evaluations and saves between them', () =>
  withTrainer({ precision: 'fp16', steps: 300 }, async (trainer, { buffers }) => {
    await trainer.snapshots();
    await takeSteps(trainer, 10);
    const before = bytesOf(buffers);
    for (let block = 0; block < 10; block++) {
      await takeSteps(trainer, 29);
      await saveOnce(trainer);
      await trainer.evaluate();
      expect(bytesOf(buffers)).toBe(before);
    }
  }));

/** Makes a trainer, takes and saves steps, and stops. @returns what would keep the trainer alive no longer */
async function cycle(device: GPUDevice, { adapter, buffers }: DeviceContext): Promise<WeakRef<Trainer>> {
  const config = { ...TINY, precision: 'fp16', layers: 1 } as const;
  const trainer = await createTrainer(device, reportOf(adapter, device), config, datasetFor(config));
  try {
    await takeSteps(trainer, 2);
    await saveOnce(trainer);
    expect(bytesOf(buffers)).toBeGreaterThan(trainer.memory.total);
  } finally {
    trainer.destroy();
  }
  return new WeakRef(trainer);
}

test(`${CYCLES} runs that are started and stopped on one device leave no buffer, and no trainer in memory`, () =>
  withDevice(async (device, context) => {
    const trainers: WeakRef<Trainer>[] = [];
    const heap: number[] = [];
    const before = context.buffers.size;
    for (let i = 0; i < CYCLES; i++) {
      trainers.push(await cycle(device, context));
      expect([...context.buffers].map(({ label }) => label)).toHaveLength(before);
      if (i === 9 || i === CYCLES - 1) heap.push(await collect());
    }
    const alive = trainers.filter((trainer) => trainer.deref()).length;
    const grown = (heap[1]! - heap[0]!) / (CYCLES - 10) / 1024;
    console.log(`${alive} of ${CYCLES} trainers alive; ${grown.toFixed(1)} KiB of heap a cycle`);
    expect(alive).toBeLessThanOrEqual(1); // the last may still be on the stack
  }));
