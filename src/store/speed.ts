import type { MetricsLog } from './metricsLog.ts';

/** Left out everywhere: the first steps pay for shader compilation and cold caches. */
const WARM_UP_STEPS = 5;
const SPEED_WINDOW = 20;

/** Tokens a second over the 20 steps up to the entry `last`, skipped ones included; null while warming up. */
export function tokensPerSecond(
  log: MetricsLog,
  tokensPerStep: number,
  last = log.length - 1,
): number | null {
  const first = Math.max(WARM_UP_STEPS - 1, last - SPEED_WINDOW);
  const { time } = log.columns;
  if (last <= first) return null;
  const seconds = (time[last]! - time[first]!) / 1000;
  return seconds > 0 ? ((last - first) * tokensPerStep) / seconds : null;
}

const BLOCK = 10;
const BLOCKS = 5;
const STEPS_BEFORE_ESTIMATE = 20;

/**
 * Seconds left as [shortest, longest], from the fastest and the slowest ten of the last 50 steps; null for the first
 * 20 steps, whose speed says little. Evaluations are not foreseen.
 */
export function secondsLeft(log: MetricsLog, steps: number): readonly [number, number] | null {
  const done = log.length;
  if (done < STEPS_BEFORE_ESTIMATE) return null;
  const { time } = log.columns;
  const perStep: number[] = [];
  for (let block = 0; block < BLOCKS; block++) {
    const end = done - 1 - block * BLOCK;
    const start = end - BLOCK;
    if (start < WARM_UP_STEPS - 1) break;
    perStep.push((time[end]! - time[start]!) / BLOCK / 1000);
  }
  const left = Math.max(0, steps - done);
  return [left * Math.min(...perStep), left * Math.max(...perStep)];
}
