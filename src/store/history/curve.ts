/** Converts between the complete log of a run and the part of it that is stored. */
import type { EvalMetrics } from '../../engine/index.ts';
import { changePoints, decimate, thin } from '../decimate.ts';
import { MetricsLog } from '../metricsLog.ts';
import { tokensPerSecond } from '../speed.ts';
import type { RunCurve } from './record.ts';

/** Most stored marks of skipped steps, evenly spread over the run. Their total number is stored exactly. */
const MAX_SKIPS = 500;
/** Decimal digits of an f32. */
const DIGITS = 7;

/**
 * The rows that preserve the shape of each line, at most 400 for each, and every skipped step with the step after it, and the first of each stage.
 * @param tokensPerStep null when the times between the steps do not show the run's speed
 */
export function curveOf(log: MetricsLog, tokensPerStep: number | null): RunCurve {
  const { length, columns: c } = log;
  const speedAt = (i: number) => (tokensPerStep === null ? null : tokensPerSecond(log, tokensPerStep, i));
  const speed = Float64Array.from({ length }, (_, i) => speedAt(i) ?? Number.NaN);
  const skipped = thin(log.skippedIndexes(), MAX_SKIPS);
  const rows = [
    ...new Set([
      ...decimate(c.loss, length),
      ...decimate(c.gradNorm, length),
      ...(log.hasLogZ ? decimate(c.logZ, length) : []),
      ...decimate(speed, length),
      ...changePoints(c.scaleLog2, length),
      ...skipped.flatMap((i) => (i + 1 < length ? [i, i + 1] : [i])),
      ...log.stages.map(({ step }) => log.indexAt(step)),
    ]),
  ].sort((a, b) => a - b);
  const take = (values: ArrayLike<number>) => rows.map((i) => rounded(values[i]!));
  const finite = (values: ArrayLike<number>) => take(values).map((value) => value ?? 0);
  return {
    step: finite(c.step),
    loss: take(c.loss),
    smoothed: take(log.smoothedLoss()),
    scaleLog2: finite(c.scaleLog2),
    gradNorm: take(c.gradNorm),
    ...(log.hasLogZ && { logZ: take(c.logZ) }),
    lr: finite(c.lr),
    skippedSteps: finite(c.skippedSteps),
    time: finite(c.time),
    tokensPerSec: take(speed),
    skips: skipped.map((i) => ({ step: c.step[i]!, overflow: log.at(i)!.overflow })),
    ...(log.stages.length > 0 && { stages: log.stages }),
  };
}

/** A log that the charts draw like the complete one. `steps` is the planned number of steps. */
export function logOfCurve(
  curve: RunCurve,
  steps: number,
  evals: readonly EvalMetrics[],
  tokensPerStep: number,
): MetricsLog {
  const log = new MetricsLog(steps);
  const stages = new Map(curve.stages?.map(({ step, stage }) => [step, stage]));
  const overflows = new Map(curve.skips.map(({ step, overflow }) => [step, overflow]));
  for (const [i, step] of curve.step.entries()) {
    const skippedSteps = curve.skippedSteps[i]!;
    const stage = stages.get(step);
    log.push({
      step,
      loss: curve.loss[i]!,
      lossScale: 2 ** curve.scaleLog2[i]!,
      skipped: overflows.has(step),
      overflow: overflows.get(step) ?? null,
      gradNorm: curve.gradNorm[i]!,
      ...(curve.logZ && { logZ: curve.logZ[i]! }),
      lr: curve.lr[i]!,
      appliedSteps: step - skippedSteps,
      skippedSteps,
      time: curve.time[i]!,
      gpuMs: null,
      ...(stage && { stage }),
    });
    // Medians and averages over the stored rows would differ from those over all rows, so the stored values are used.
    const speed = curve.tokensPerSec[i];
    log.columns.stepMs[i] = speed ? (1000 * tokensPerStep) / speed : Number.NaN;
  }
  log.keepSmoothed(Float64Array.from(curve.smoothed, (value) => value ?? Number.NaN));
  log.evals.push(...evals);
  return log;
}

function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(DIGITS)) : null;
}
