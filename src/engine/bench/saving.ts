/** Measures what saving costs training: steps during which the run is saved alternate with as many without a save. */
import type { Snapshot } from '../checkpoint/snapshot.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { createTrainer } from '../train/createTrainer.ts';
import type { Trainer } from '../train/trainer.ts';

/** Steps that are not measured, because of compilation and cold caches. */
const WARM_UP_STEPS = 10;
const PAIRS = 9;
/** Minimum training time in milliseconds on each side of a pair. */
const MIN_MS = 1500;

export interface SavingPair {
  readonly steps: number;
  /** Milliseconds of the steps without a save. */
  readonly plainMs: number;
  /** Additional milliseconds of as many steps with one save. */
  readonly extraMs: number;
}

export interface SavingCost {
  readonly pairs: readonly SavingPair[];
  readonly msPerStep: number;
  /** Bytes of the staging buffers on the GPU; 0 when there is no memory for them and training pauses for a save. */
  readonly stagingBytes: number;
}

/**
 * @param save stores a snapshot, which is released afterwards
 * @throws EngineError when the adapter cannot run the configuration, and the errors of `save`
 */
export async function measureSaving(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  dataset: Dataset,
  save: (snapshot: Snapshot, trainer: Trainer) => Promise<void>,
): Promise<SavingCost> {
  const run = { ...config, steps: 100_000, evalEvery: 0, evalBatches: 1, sampleLength: 0 };
  const trainer = await createTrainer(device, report, run, dataset);
  try {
    const snapshots = await trainer.snapshots();
    const takeOne = async (): Promise<void> => {
      const snapshot = await snapshots.take(trainer.submittedSteps);
      await save(snapshot, trainer).finally(() => snapshot.release());
    };
    await train(trainer, WARM_UP_STEPS);
    const msPerStep = (await train(trainer, WARM_UP_STEPS)) / WARM_UP_STEPS;
    const steps = Math.max(WARM_UP_STEPS, Math.ceil(MIN_MS / msPerStep));
    const pairs: SavingPair[] = [];
    for (let i = 0; i < PAIRS; i++) {
      // The order alternates, so that a change of the machine's speed affects both sides.
      const before = i % 2 === 0 ? await train(trainer, steps) : null;
      const { ms, taken } = await trainBeside(trainer, steps, takeOne, snapshots.pauses);
      const plainMs = before ?? (await train(trainer, steps));
      pairs.push({ steps, plainMs, extraMs: ms - (plainMs * taken) / steps });
    }
    return { pairs, msPerStep, stagingBytes: snapshots.bytes };
  } finally {
    trainer.destroy();
  }
}

/** @returns milliseconds of `steps` steps, up to a sync */
async function train(trainer: Trainer, steps: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < steps; i++) await step(trainer);
  return end(trainer, start);
}

/** Starts a save and trains until it is done, for at least `steps` steps. */
async function trainBeside(
  trainer: Trainer,
  steps: number,
  save: () => Promise<void>,
  pauses: boolean,
): Promise<{ ms: number; taken: number }> {
  const start = performance.now();
  let saved = false;
  const saving = save().finally(() => {
    saved = true;
  });
  saving.catch(() => undefined); // thrown below
  if (pauses) await saving;
  let taken = 0;
  for (; taken < steps || !saved; taken++) await step(trainer);
  await saving;
  return { ms: await end(trainer, start), taken };
}

async function step(trainer: Trainer): Promise<void> {
  trainer.step();
  await trainer.waitForRoom();
}

async function end(trainer: Trainer, start: number): Promise<number> {
  await trainer.drain();
  const ms = performance.now() - start;
  trainer.takeMetrics();
  trainer.faults.check();
  return ms;
}
