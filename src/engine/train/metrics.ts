/** What a run reports. All plain data: it crosses the worker boundary and goes into JSON lines as it is. */

import type { RunChange } from '../checkpoint/runChanges.ts';
import { finite } from '../core/finite.ts';
import type { MemoryBytes } from '../core/memoryCategories.ts';
import type { StepState } from '../kernels/stepState.ts';
import type { HalfStorage } from '../precision/formats.ts';
import type { PrecisionMode } from '../precision/recipes.ts';

/** Steps before speed is counted: the first ones pay for start-up. */
export const WARM_UP_STEPS = 5;

export interface StepMetrics {
  /** Attempted steps, from 1. */
  readonly step: number;
  /** Mean training loss of the step in nats, unscaled; null when it is not finite. */
  readonly loss: number | null;
  /** The scale this step's backward pass used; 1 in modes without scaling. */
  readonly lossScale: number;
  /** True when a non-finite value was found and weights, moments and schedule did not move. */
  readonly skipped: boolean;
  /** Name of the first tensor that overflowed in a skipped step. */
  readonly overflow: string | null;
  /** Global norm of the unscaled gradient before clipping; null when it is not finite. */
  readonly gradNorm: number | null;
  /** Learning rate the step used (or would have used). */
  readonly lr: number;
  readonly appliedSteps: number;
  readonly skippedSteps: number;
  /** GPU time of the step in milliseconds, without what other runs did in between; null without usable timestamps. */
  readonly gpuMs: number | null;
}

export interface EvalMetrics {
  readonly step: number;
  /** Mean loss in nats over the evaluation batches; null when it is not finite. */
  readonly valLoss: number | null;
}

export interface RunSummary {
  /** Adapter in words: vendor, architecture, description. */
  readonly adapter: string;
  readonly precision: PrecisionMode;
  /** How halves are stored; null where the mode has none. */
  readonly storage: HalfStorage | null;
  readonly params: number;
  readonly steps: number;
  readonly appliedSteps: number;
  readonly skippedSteps: number;
  readonly lossScale: number;
  /** Of step 1; null when it was not finite, or no step was taken. */
  readonly firstLoss: number | null;
  /** Of the last step, also where that was taken before the run was resumed; null as `firstLoss`. */
  readonly finalLoss: number | null;
  /** After the last step; null when it was not finite, or nobody wanted to know. */
  readonly valLoss: number | null;
  /** From the first counted step (5 warm-up steps excluded) to a final sync; null when too few steps ran. */
  readonly tokensPerSec: number | null;
  /** From the call that made the trainer to the result of its first step: kernels, memory and weights; null before that. */
  readonly startUpMs: number | null;
  readonly msPerStep: number | null;
  /** Mean GPU time of the steps after the warm-up; null when too few steps ran, and where a timestamp is missing. */
  readonly gpuMsPerStep: number | null;
  /** Model FLOP/s over the adapter's measured f32 FMA peak; null when the peak was not measured, or too low. */
  readonly mfu: number | null;
  /**
   * Share of the gradients other than zero that their format flushed to zero on the batch after the last step, at the loss
   * scale it would have had; null where gradients are f32, where all are zero, and where they were not counted.
   */
  readonly gradientsFlushed: number | null;
  readonly memory: MemoryBytes;
  /** Kernel choices made for this adapter, as `kernel: variant`. */
  readonly kernels: Readonly<Record<string, string>>;
  /** From where on its numbers may differ from those of an undisturbed run. */
  readonly changes: readonly RunChange[];
}

/** What a step's state says. @param siteName of the dispatch that first met a value that is not finite */
export function metricsOf(
  state: StepState,
  siteName: (site: number) => string,
  gpuMs: number | null,
): StepMetrics {
  const skipped = state.overflowSite !== null;
  return {
    step: state.attempted,
    loss: finite(state.lossSum),
    lossScale: state.scaleUsed,
    skipped,
    overflow: state.overflowSite === null ? null : siteName(state.overflowSite),
    gradNorm: skipped ? null : finite(state.gradNorm),
    lr: state.learningRate,
    appliedSteps: state.applied,
    skippedSteps: state.skipped,
    gpuMs,
  };
}
