import { type SpeedClock, WARM_UP_STEPS } from '../engine/index.ts';
import type { MetricsLog } from './metricsLog.ts';

/**
 * Tokens per second at the entry `at`, from the median of 20 steps, including skipped ones; null during warm-up, and
 * for the GPU's clock when the adapter has no timestamps.
 */
export function tokensPerSecond(
  log: MetricsLog,
  tokensPerStep: number,
  at = log.length - 1,
  clock: SpeedClock = 'wall',
): number | null {
  const { stepMs, gpuStepMs } = log.columns;
  const milliseconds = at >= 0 ? (clock === 'gpu' ? gpuStepMs : stepMs)[at]! : Number.NaN;
  return milliseconds > 0 ? (1000 * tokensPerStep) / milliseconds : null;
}

const BLOCK = 10;
const BLOCKS = 5;
const STEPS_BEFORE_ESTIMATE = 20;

/**
 * Seconds left as [shortest, longest], from the fastest and the slowest ten of the last 50 steps; null for the first 20
 * steps, whose speed is not representative. Evaluations are not included.
 */
export function secondsLeft(log: MetricsLog, steps: number): readonly [number, number] | null {
  const done = log.length;
  if (done < STEPS_BEFORE_ESTIMATE) return null;
  const { step, time } = log.columns;
  const perStep: number[] = [];
  for (let block = 0; block < BLOCKS; block++) {
    const end = done - 1 - block * BLOCK;
    const start = end - BLOCK;
    if (start < WARM_UP_STEPS - 1) break;
    perStep.push((time[end]! - time[start]!) / (step[end]! - step[start]!) / 1000);
  }
  // The log of a resumed run does not hold every step.
  const left = Math.max(0, steps - step[done - 1]!);
  return [left * Math.min(...perStep), left * Math.max(...perStep)];
}
