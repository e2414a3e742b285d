/** Measures whether steps become slower or memory grows in a long run, as leaks or growing queues would cause. */

import type { TrainConfig } from '../config/trainConfig.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { PipelineCache } from '../gpu/pipelines.ts';
import type { Program } from '../gpu/program.ts';
import { secondsPerReplay } from '../gpu/timing.ts';
import { chooseKernels } from '../kernels/kernelChoice.ts';
import { createTrainer } from '../train/createTrainer.ts';
import type { Trainer } from '../train/trainer.ts';
import { fillingMatmul, matmulProgram } from './adapter.ts';
import { type LiveBuffers, watchBuffers } from './liveBuffers.ts';
import { type Slope, theilSen } from './robust.ts';

/** Steps that are not measured, because of compilation and cold caches. The second half of them estimates the step time. */
const WARM_UP_STEPS = 20;
/** Approximate number of blocks. A slope needs many points. */
const BLOCKS = 100;
const MIN_BLOCK = 5;
export const MIN_STEPS = 10 * MIN_BLOCK;
/** Time of the control kernel as a share of a block's time. */
const CONTROL_SHARE = 0.25;

export interface LongRunBlock {
  /** Number of steps at the end of the block. */
  readonly step: number;
  readonly msPerStep: number;
  /** Mean time of the control kernel before and after the block. It changes only when the machine's speed does. */
  readonly controlMs: number;
  readonly live: LiveBuffers;
  /** Loss of the block's last step in nats; null when it was not finite. */
  readonly loss: number | null;
}

/**
 * Trains `steps` steps in blocks, each timed up to a sync. Between blocks a fixed matmul is timed as a control.
 * @param onBlock called after every block
 * @throws EngineError when the adapter cannot run the configuration, or fails while it does
 */
export async function measureLongRun(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  dataset: Dataset,
  steps: number,
  onBlock: (block: LongRunBlock) => void,
): Promise<readonly LongRunBlock[]> {
  const pipelines = new PipelineCache(device);
  const kernels = await chooseKernels(device, pipelines, report);
  const watch = watchBuffers(device);
  const control = await matmulProgram(device, pipelines, report, kernels, {
    format: 'f32',
    size: fillingMatmul(report),
  });
  try {
    const replayMs = 1000 * (await secondsPerReplay(device, control.program, 256));
    const run = { ...config, steps: steps + WARM_UP_STEPS, evalEvery: 0, evalBatches: 1, sampleLength: 0 };
    const trainer = await createTrainer(device, report, run, dataset);
    try {
      const length = Math.max(MIN_BLOCK, Math.round(steps / BLOCKS));
      await train(trainer, WARM_UP_STEPS / 2);
      const { msPerStep: usual } = await train(trainer, WARM_UP_STEPS / 2);
      const replays = Math.max(1, Math.round((CONTROL_SHARE * usual * length) / replayMs));
      const blocks: LongRunBlock[] = [];
      let before = await timeControl(device, control.program, replays);
      while (blocks.length * length + length <= steps) {
        const { msPerStep, loss } = await train(trainer, length);
        const after = await timeControl(device, control.program, replays);
        const step = trainer.submittedSteps;
        const block = { step, msPerStep, controlMs: (before + after) / 2, live: watch.live(), loss };
        blocks.push(block);
        onBlock(block);
        before = after;
      }
      return blocks;
    } finally {
      trainer.destroy();
    }
  } finally {
    control.destroy();
    watch.stop();
  }
}

/** Relative change per step of step time over control time: 1e-6 is 0.1 % in a thousand steps. */
export function driftOf(blocks: readonly LongRunBlock[]): Slope {
  return theilSen(
    blocks.map(({ step }) => step),
    blocks.map(({ msPerStep, controlMs }) => Math.log(msPerStep / controlMs)),
  );
}

async function train(trainer: Trainer, steps: number): Promise<Pick<LongRunBlock, 'msPerStep' | 'loss'>> {
  const start = performance.now();
  for (let i = 0; i < steps; i++) {
    trainer.step();
    await trainer.waitForRoom();
  }
  await trainer.drain();
  const msPerStep = (performance.now() - start) / steps;
  trainer.faults.check();
  return { msPerStep, loss: trainer.takeMetrics().at(-1)?.loss ?? null };
}

async function timeControl(device: GPUDevice, program: Program, replays: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < replays; i++) program.submit(Number.POSITIVE_INFINITY);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}
