/** What saving takes from training: steps among which a run is saved, against as many without, in turns. */
import type { Snapshot } from '../checkpoint/snapshot.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { createTrainer } from '../train/createTrainer.ts';
import type { Trainer } from '../train/trainer.ts';

/** Compile, allocate and fill caches: not counted. */
const WARM_UP_STEPS = 10;
const PAIRS = 9;
/** Milliseconds of training on each side of a pair, at least. */
const LEAST_MS = 1500;

export interface SavingPair {
  readonly steps: number;
  /** Milliseconds of the steps without a save. */
  readonly plainMs: number;
  /** What as many steps with one save took more. */
  readonly extraMs: number;
}

export interface SavingCost {
  readonly pairs: readonly SavingPair[];
  readonly msPerStep: number;
  /** Of the copy on the GPU; 0 where there is no room for it, and training pauses. */
  readonly stagingBytes: number;
}

/**
 * @param save writes a snapshot to where it is kept; it is released afterwards
 * @throws EngineError where the adapter cannot run the configuration, or `save` fails
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
    const steps = Math.max(WARM_UP_STEPS, Math.ceil(LEAST_MS / msPerStep));
    const pairs: SavingPair[] = [];
    for (let i = 0; i < PAIRS; i++) {
      // In turns: a machine that becomes slower does so for both.
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

/** @returns milliseconds of so many steps, up to a sync */
async function train(trainer: Trainer, steps: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < steps; i++) await step(trainer);
  return end(trainer, start);
}

/** At least so many steps, and as many more as a save takes that begins with them. */
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
