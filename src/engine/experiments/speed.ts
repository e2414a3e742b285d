/** Decides whether two speeds differ by more than noise. */
import { WARM_UP_STEPS } from '../train/metrics.ts';
import { type Spread, spreadOf } from './spread.ts';

/** The clock of speeds. In lockstep, where runs take turns, only GPU timestamps measure a single run. */
export type SpeedClock = 'wall' | 'gpu';

export interface TimedRun {
  /** Milliseconds of training at the end of each step; null when not measured. */
  readonly times: ArrayLike<number> | null;
  readonly tokensPerSec: number | null;
}

const PARTS = 5;
/** Metrics of up to four steps arrive together, so each part must be much longer than that. */
const MIN_STEPS = PARTS * 10;
/** A shorter run says more about other load on the machine than about the mode. */
const MIN_MS = 1000;

/**
 * Tokens/s of the slowest and the fastest fifth of a run's steps after the warm-up; null when the run is too short, with
 * fewer than 50 steps or less than one second.
 */
export function speedWithin({ times, tokensPerSec }: TimedRun): Spread | null {
  if (!times || tokensPerSec === null) return null;
  const first = WARM_UP_STEPS - 1;
  const steps = times.length - 1 - first;
  if (steps < MIN_STEPS || !(times[times.length - 1]! - times[first]! >= MIN_MS)) return null;
  const at = (part: number) => first + Math.round((steps * part) / PARTS);
  const msPerStep = (from: number, to: number) => (times[to]! - times[from]!) / (to - from);
  const mean = msPerStep(first, times.length - 1);
  const parts = Array.from({ length: PARTS }, (_, part) => msPerStep(at(part), at(part + 1)));
  return spreadOf(parts.map((ms) => (tokensPerSec * mean) / ms));
}

/**
 * How much a mode's speed varies by itself: between its runs, or within a single run. It is null when a run is too short.
 * Each of several runs must be long enough by itself, because slow first seconds would otherwise be blamed on the mode.
 */
export function speedNoise(runs: readonly TimedRun[]): Spread | null {
  const measured = runs.filter(({ tokensPerSec }) => tokensPerSec !== null);
  const within = measured.flatMap((run) => speedWithin(run) ?? []);
  if (within.length < measured.length) return null;
  return measured.length === 1 ? within[0]! : spreadOf(measured.map((run) => run.tokensPerSec));
}

export type SpeedFinding =
  | 'differs'
  /** The difference is within noise, or too small to matter. */
  | 'withinNoise'
  | 'tooShort';

/** Smaller differences of speed count as noise, however little the speeds vary. */
const EQUAL_SPEED = 0.03;

/** @param speedUp of the mode over the reference */
export function speedFinding(speedUp: number, mode: Spread | null, reference: Spread | null): SpeedFinding {
  if (!mode || !reference) return 'tooShort';
  const apart = mode.low > reference.high || mode.high < reference.low;
  return apart && Math.abs(speedUp - 1) >= EQUAL_SPEED ? 'differs' : 'withinNoise';
}
