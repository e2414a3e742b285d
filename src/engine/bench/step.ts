/** Measures the speed of whole training steps, as every run does. */

import type { TrainConfig } from '../config/trainConfig.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { createTrainer } from '../train/createTrainer.ts';
import type { RunSummary } from '../train/metrics.ts';
import { RunControl, runTraining } from '../train/run.ts';

/** A run takes at least this many steps, however slow they are. Speed is measured from the sixth. */
const MIN_STEPS = 10;
/** More steps than any adapter completes in the given time. */
const MAX_STEPS = 100_000;

/**
 * Trains for about `seconds` from the first step on, before which kernels compile, and returns the run's summary. Waits for the GPU.
 * @throws EngineError when the adapter cannot run the configuration
 */
export async function measureSteps(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  dataset: Dataset,
  seconds: number,
): Promise<RunSummary> {
  const run = { ...config, steps: MAX_STEPS, evalEvery: 0, evalBatches: 1, sampleLength: 0 };
  const trainer = await createTrainer(device, report, run, dataset);
  const control = new RunControl();
  let end: number | undefined;
  try {
    return await runTraining(
      trainer,
      {
        onStep: ({ step }) => {
          const now = performance.now();
          end ??= now + 1000 * seconds;
          if (step >= MIN_STEPS && now > end) control.stop();
        },
        onEval: () => undefined,
      },
      control,
    );
  } finally {
    trainer.destroy();
  }
}
