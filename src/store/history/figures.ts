/** Final figures of a run, also of one that ended without a summary. */
import type { VariantId } from '../../engine/index.ts';
import type { RunRecord } from './record.ts';

export interface RunFigures {
  readonly steps: number;
  readonly valLoss: number | null;
  readonly trainLoss: number | null;
  readonly tokensPerSec: number | null;
  readonly memoryBytes: number;
  readonly skipped: number;
  readonly lossScale: number;
}

/** The name of the run: its variant, or else its mode. */
export function modeOfRecord({ variant, config }: RunRecord): VariantId {
  return variant ?? config.precision;
}

export function figuresOf({ summary, curve, evals, facts }: RunRecord): RunFigures {
  const last = curve.step.length - 1;
  return {
    steps: summary?.steps ?? curve.step[last] ?? 0,
    valLoss: summary ? summary.valLoss : (evals.at(-1)?.valLoss ?? null),
    trainLoss: summary ? summary.finalLoss : (curve.loss[last] ?? null),
    tokensPerSec: summary?.tokensPerSec ?? null,
    memoryBytes: facts.memory.total,
    skipped: summary?.skippedSteps ?? curve.skippedSteps[last] ?? 0,
    lossScale: summary?.lossScale ?? 2 ** (curve.scaleLog2[last] ?? 0),
  };
}
