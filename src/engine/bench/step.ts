/** Speed of whole training steps, measured the way every run measures its own. */

import type { TrainConfig } from '../config/trainConfig.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { createTrainer } from '../train/createTrainer.ts';
import type { RunSummary } from '../train/metrics.ts';
import { RunControl, runTraining } from '../train/run.ts';

/** A run counts from its sixth step; this many are counted however slow they are. */
const LEAST_STEPS = 10;
/** More than any adapter takes in the time given. */
const MOST_STEPS = 100_000;

/**
 * Trains for about `seconds` and returns the run's summary. Waits for the GPU.
 * @throws EngineError where the adapter cannot run the configuration
 */
export async function measureSteps(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  dataset: Dataset,
  seconds: number,
): Promise<RunSummary> {
  const run = { ...config, steps: MOST_STEPS, evalEvery: 0, evalBatches: 1, sampleLength: 0 };
  const trainer = await createTrainer(device, report, run, dataset);
  const control = new RunControl();
  const end = performance.now() + 1000 * seconds;
  try {
    return await runTraining(
      trainer,
      {
        onStep: ({ step }) => {
          if (step >= LEAST_STEPS && performance.now() > end) control.stop();
        },
        onEval: () => undefined,
      },
      control,
    );
  } finally {
    trainer.destroy();
  }
}
