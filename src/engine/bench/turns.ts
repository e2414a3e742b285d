/** Compares the speed of two runs that train in turns, so that a machine whose speed varies slows both. */
import type { TrainConfig } from '../config/trainConfig.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { createTrainer } from '../train/createTrainer.ts';
import { SteppedRun } from '../train/steppedRun.ts';
import type { Trainer } from '../train/trainer.ts';
import { median, medianInterval } from './robust.ts';

/** Steps of each run that are not measured, because of compilation and cold caches. */
const WARM_UP_STEPS = 5;
/** An odd number, so that medians are measured values. */
const PAIRS = 9;
/** Training time in milliseconds of a turn, as far as whole steps allow. */
const TURN_MS = 1000;
/** More steps than a measurement takes. */
const MAX_STEPS = 100_000;

/** Milliseconds per step of one turn of each run. */
export type Turns = readonly [referenceMs: number, ms: number];

export interface SpeedInTurns {
  /** Steps of one turn: of the reference, and of the run. */
  readonly steps: readonly [number, number];
  readonly pairs: readonly Turns[];
  /** Of the run, the median of its turns. */
  readonly msPerStep: number;
  /** Median over the pairs of reference ms / ms: above 1 the run is faster. */
  readonly faster: number;
  /** 95 % confidence interval of that median. */
  readonly interval: readonly [number, number];
}

/**
 * Trains both in nine turns of `turnMs`, and waits for the GPU after each turn.
 * @throws EngineError when the adapter cannot run a configuration
 * @throws TooManySkipsError when a mode without a dynamic loss scale skips ten steps in a row
 */
export async function measureInTurns(
  device: GPUDevice,
  report: AdapterReport,
  configs: readonly [reference: TrainConfig, run: TrainConfig],
  datasets: readonly [Dataset, Dataset],
  turnMs = TURN_MS,
): Promise<SpeedInTurns> {
  const trainers: Trainer[] = [];
  try {
    for (const [i, config] of configs.entries()) {
      const run = { ...config, steps: MAX_STEPS, evalEvery: 0, evalBatches: 1, sampleLength: 0 };
      trainers.push(await createTrainer(device, report, run, datasets[i]!));
    }
    const runs = trainers.map(
      (trainer) => new SteppedRun(trainer, { onStep: () => undefined, onEval: () => undefined }, false),
    );
    const steps: number[] = [];
    for (const run of runs) {
      await train(run, WARM_UP_STEPS);
      steps.push(Math.max(2, Math.round(turnMs / (await train(run, WARM_UP_STEPS)))));
    }
    const pairs: Turns[] = [];
    for (let i = 0; i < PAIRS; i++) {
      const ms = [0, 0];
      // Each goes first in every other pair, so that neither always follows the other.
      for (const side of i % 2 === 0 ? [0, 1] : [1, 0]) ms[side] = await train(runs[side]!, steps[side]!);
      pairs.push([ms[0]!, ms[1]!]);
    }
    return { ...speedOf(pairs), steps: [steps[0]!, steps[1]!] };
  } finally {
    for (const trainer of trainers) trainer.destroy();
  }
}

/** @returns milliseconds per step, up to a sync */
async function train(run: SteppedRun, steps: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < steps; i++) await run.advance();
  await run.settle();
  if (run.isOver) await run.finish(false); // throws: the steps never end by themselves
  return (performance.now() - start) / steps;
}

export function speedOf(
  pairs: readonly Turns[],
): Pick<SpeedInTurns, 'pairs' | 'msPerStep' | 'faster' | 'interval'> {
  const ratios = pairs.map(([referenceMs, ms]) => referenceMs / ms);
  return {
    pairs,
    msPerStep: median(pairs.map(([, ms]) => ms)),
    faster: median(ratios),
    interval: medianInterval(ratios),
  };
}
