/** What a run reports. These are plain data, which are posted from the worker and written as JSON lines. */

import type { RunChange } from '../checkpoint/runChanges.ts';
import { finite } from '../core/finite.ts';
import type { MemoryBytes } from '../core/memoryCategories.ts';
import type { UpdateRms } from '../inspect/updateRms.ts';
import type { HalfStorage } from '../precision/formats.ts';
import type { PrecisionMode } from '../precision/recipes.ts';
import type { StageMetrics, StepResult } from './stepReadback.ts';

/** Steps that are left out of speeds, because they include start-up costs. */
export const WARM_UP_STEPS = 5;

export interface StepMetrics {
  /** Number of attempted steps, from 1. */
  readonly step: number;
  /** Mean training loss of the step in nats, unscaled; null when it is not finite. */
  readonly loss: number | null;
  /** Loss scale of this step's backward pass; 1 in modes without scaling. */
  readonly lossScale: number;
  /** Whether the step was skipped, which leaves weights, moments and schedule unchanged, because a value was not finite. */
  readonly skipped: boolean;
  /** Name of the first tensor that overflowed in a skipped step. */
  readonly overflow: string | null;
  /** Global norm of the unscaled gradient before clipping; null when it is not finite. */
  readonly gradNorm: number | null;
  /** Mean of log Z over the step's tokens, Z the sum of exp(logit), in runs with `zLoss`; null when it is not finite. */
  readonly logZ?: number | null;
  /** Learning rate of the step, also when it was skipped. */
  readonly lr: number;
  readonly appliedSteps: number;
  readonly skippedSteps: number;
  /** GPU time of this run's step in milliseconds; null without usable timestamps. */
  readonly gpuMs: number | null;
  /** Root mean squares of the step's updates, in runs with `updateRms`; absent for skipped steps. */
  readonly rms?: UpdateRms;
  /** Names of the tensors that the step did not update, in runs with `skip` tensor. */
  readonly skippedTensors?: readonly string[];
  /** Of a run with a precision schedule. */
  readonly stage?: StageMetrics;
  /** Relative noise of each block when its level was last decided, 0 before; of a run with the precision schedule `noise`. */
  readonly noise?: readonly number[];
}

export interface EvalMetrics {
  readonly step: number;
  /** Mean loss in nats over the evaluation batches; null when it is not finite. */
  readonly valLoss: number | null;
  /** The same of the averaged weights, in runs with `emaDecay`. */
  readonly emaLoss?: number | null;
}

export interface RunSummary {
  /** Name of the adapter: vendor, architecture, description. */
  readonly adapter: string;
  readonly precision: PrecisionMode;
  /** How f16 is stored; null in modes without f16. */
  readonly storage: HalfStorage | null;
  readonly params: number;
  readonly steps: number;
  readonly appliedSteps: number;
  readonly skippedSteps: number;
  readonly lossScale: number;
  /** Training loss of step 1 in nats; null when it was not finite or no step was taken. */
  readonly firstLoss: number | null;
  /** Training loss of the last step in nats, even if it was taken before the run was resumed; null as `firstLoss`. */
  readonly finalLoss: number | null;
  /** Validation loss after the last step in nats; null when it was not finite or not evaluated. */
  readonly valLoss: number | null;
  /** The same of the averaged weights, in runs with `emaDecay`. */
  readonly emaLoss?: number | null;
  /** The lowest validation loss in nats and the step after which it was, in runs with `keepBest` or `earlyStop`. */
  readonly best?: { readonly step: number; readonly valLoss: number };
  /** Set where `earlyStop` ended the run. */
  readonly endedEarly?: true;
  /** Measured from the first step after the 5 warm-up steps to a final sync; null when too few steps ran. */
  readonly tokensPerSec: number | null;
  /** Time from creating the trainer to the result of its first step; null before that. */
  readonly startUpMs: number | null;
  readonly msPerStep: number | null;
  /** Mean GPU time of the steps after the warm-up; null when too few steps ran or a timestamp is missing. */
  readonly gpuMsPerStep: number | null;
  /** Model FLOP/s over the adapter's measured f32 FMA peak; null when the peak was not measured or came out too low. */
  readonly mfu: number | null;
  /**
   * Share of the nonzero gradients that their format flushes to zero, counted on the next batch after the last step at the
   * loss scale that it would have; null when gradients are f32, all zero, or not counted.
   */
  readonly gradientsFlushed: number | null;
  /**
   * Simulated cost of the blocks' multiply-adds as a share of those of 32 bits, the mean of the steps of this visit; only in modes
   * with simulated levels. Nothing is faster.
   */
  readonly simulatedCost?: number;
  readonly memory: MemoryBytes;
  /** Kernels chosen for this adapter, as `kernel: variant`. */
  readonly kernels: Readonly<Record<string, string>>;
  /** The steps from which the numbers may differ from those of an uninterrupted run. */
  readonly changes: readonly RunChange[];
}

/** The weights with the lowest validation loss that a run has kept: the last ones, unless the best are better. */
export function lowestWeights({ best, valLoss }: Pick<RunSummary, 'best' | 'valLoss'>): 'best' | 'master' {
  return best && !(valLoss !== null && valLoss < best.valLoss) ? 'best' : 'master';
}

/**
 * Converts what a step reports to metrics.
 * @param siteName returns the name of the tensor written at a found-inf site
 */
export function metricsOf(
  { state, gpuMs, rms, skippedTensors, stage, noise, logZ }: StepResult,
  siteName: (site: number) => string,
): StepMetrics {
  const skipped = state.overflowSite !== null;
  return {
    step: state.attempted,
    loss: finite(state.lossSum),
    lossScale: state.scaleUsed,
    skipped,
    overflow: state.overflowSite === null ? null : siteName(state.overflowSite),
    gradNorm: skipped ? null : finite(state.gradNorm),
    ...(logZ !== undefined && { logZ: finite(logZ) }),
    lr: state.learningRate,
    appliedSteps: state.applied,
    skippedSteps: state.skipped,
    gpuMs,
    ...(rms && !skipped && { rms }),
    ...(skippedTensors && { skippedTensors }),
    ...(stage && { stage }),
    ...(noise && { noise }),
  };
}
