/** Measures how long a training step takes on a device, without training anything. */
import { type TrainConfig, tokensPerStep } from '../config/trainConfig.ts';
import type { Batch } from '../data/batches.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { createTrainer } from '../train/createTrainer.ts';
import { WARM_UP_STEPS } from '../train/metrics.ts';
import { blankText } from './confirmBatch.ts';

export interface MeasuredStep {
  /** Wall time of a step, the mean of `steps` of them after the warm-up. */
  readonly msPerStep: number;
  readonly steps: number;
  readonly tokensPerSec: number;
  readonly parameters: number;
  /** Bytes that the run allocated. */
  readonly bytes: number;
}

/** A measurement ends after so many steps or milliseconds, whichever comes first, and takes at least two steps. */
const MOST_STEPS = 30;
const MOST_MS = 1500;
const LEAST_STEPS = 2;

/**
 * Takes some steps of a run on a made-up text, after the warm-up steps that every speed leaves out. Everything is freed afterwards.
 * Three CPU-GPU syncs or more.
 * @throws EngineError as `createTrainer`; the signal's reason once it is aborted
 */
export async function measureStep(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  vocabulary: number,
  signal?: AbortSignal,
): Promise<MeasuredStep> {
  const batches = (index: number): Batch => madeUp(index, config.batch * config.context, vocabulary);
  const trainer = await createTrainer(device, report, config, blankText(vocabulary), { batches });
  const take = async (): Promise<void> => {
    signal?.throwIfAborted();
    await trainer.waitForRoom();
    trainer.step();
  };
  try {
    for (let step = 0; step < WARM_UP_STEPS; step++) await take();
    await trainer.drain();
    const begun = performance.now();
    let steps = 0;
    while (steps < LEAST_STEPS || (steps < MOST_STEPS && performance.now() - begun < MOST_MS)) {
      await take();
      steps += 1;
    }
    await trainer.drain();
    trainer.faults.check();
    const msPerStep = (performance.now() - begun) / steps;
    const { parameterCount: parameters, memory } = trainer;
    const tokensPerSec = (1000 * tokensPerStep(config)) / msPerStep;
    return { msPerStep, steps, tokensPerSec, parameters, bytes: memory.total };
  } finally {
    trainer.destroy();
  }
}

/** Tokens spread over the vocabulary, so that gradients of the embedding are written as for a text. */
function madeUp(index: number, length: number, vocabulary: number): Batch {
  const ids = Uint32Array.from({ length: length + 1 }, (_, i) => ((i + index * length) * 7919) % vocabulary);
  return { tokens: ids.subarray(0, length), targets: ids.subarray(1) };
}
