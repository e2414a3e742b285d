/** Whether two speeds differ by more than they vary on their own. */
import { WARM_UP_STEPS } from '../train/metrics.ts';
import { type Spread, spreadOf } from './spread.ts';

/** Whose time speeds are of: in lockstep, where runs take turns, only the GPU's own clock tells them apart. */
export type SpeedClock = 'wall' | 'gpu';

export interface TimedRun {
  /** Milliseconds of the run's own time at the end of each step; null where nobody measured them. */
  readonly times: ArrayLike<number> | null;
  readonly tokensPerSec: number | null;
}

const PARTS = 5;
/** Figures of up to four steps arrive together: parts must be long beside that. */
const LEAST_STEPS = PARTS * 10;
/** A shorter part is one reading of a shared machine. */
const LEAST_MS = 1000;

/**
 * Tokens/s of the slowest and the fastest fifth of a run's steps, without the warm-up. null where the run is too short to
 * say: fewer than 50 steps or one second.
 */
export function speedWithin({ times, tokensPerSec }: TimedRun): Spread | null {
  if (!times || tokensPerSec === null) return null;
  const first = WARM_UP_STEPS - 1;
  const steps = times.length - 1 - first;
  if (steps < LEAST_STEPS || !(times[times.length - 1]! - times[first]! >= LEAST_MS)) return null;
  const at = (part: number) => first + Math.round((steps * part) / PARTS);
  const msPerStep = (from: number, to: number) => (times[to]! - times[from]!) / (to - from);
  const mean = msPerStep(first, times.length - 1);
  const parts = Array.from({ length: PARTS }, (_, part) => msPerStep(at(part), at(part + 1)));
  return spreadOf(parts.map((ms) => (tokensPerSec * mean) / ms));
}

/**
 * How much a mode's speed varies on its own: over its runs, or within the only one. null where nothing tells: several
 * runs must be as long as one, since what slows the first seconds of each would be taken for the mode.
 */
export function speedNoise(runs: readonly TimedRun[]): Spread | null {
  const measured = runs.filter(({ tokensPerSec }) => tokensPerSec !== null);
  const within = measured.flatMap((run) => speedWithin(run) ?? []);
  if (within.length < measured.length) return null;
  return measured.length === 1 ? within[0]! : spreadOf(measured.map((run) => run.tokensPerSec));
}

export type SpeedFinding =
  | 'differs'
  /** By less than the speeds vary on their own, or than is worth telling. */
  | 'withinNoise'
  | 'tooShort';

/** Speeds nearer than this are not told apart, however little they vary. */
const EQUAL_SPEED = 0.03;

/** @param speedUp of the mode over the reference */
export function speedFinding(speedUp: number, mode: Spread | null, reference: Spread | null): SpeedFinding {
  if (!mode || !reference) return 'tooShort';
  const apart = mode.low > reference.high || mode.high < reference.low;
  return apart && Math.abs(speedUp - 1) >= EQUAL_SPEED ? 'differs' : 'withinNoise';
}
