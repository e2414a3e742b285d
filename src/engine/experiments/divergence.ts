/** Training losses of a run, step by step. */
export interface LossCurve {
  /** From the run's first step on, without gaps. */
  readonly steps: ArrayLike<number>;
  /** In nats; NaN where the loss was not finite. */
  readonly losses: ArrayLike<number>;
}

const DIVERGENCE_NATS = 0.02;
/** A gap must be seen for so many steps before it is said to stay. */
const LEAST_STAY = 5;

/**
 * The first step from which on the gap between two runs' smoothed losses stays above {@link DIVERGENCE_NATS}; null when
 * it never does. Both runs see the same batches, so the smoothed gap is free of the batches' own noise. A step where
 * one loss is finite and the other is not counts as a gap.
 */
export function firstDivergence(reference: LossCurve, other: LossCurve): number | null {
  const length = Math.min(reference.steps.length, other.steps.length);
  const gaps = smoothedGaps(reference.losses, other.losses, length);
  let first = length;
  while (first > 0 && Math.abs(gaps[first - 1]!) > DIVERGENCE_NATS) first -= 1;
  return length - first >= LEAST_STAY ? other.steps[first]! : null;
}

/** Mean gap over the last 2 % of the run, at least 5 and at most 50 steps; infinite where only one loss is finite. */
function smoothedGaps(reference: ArrayLike<number>, other: ArrayLike<number>, length: number): Float64Array {
  const window = Math.min(50, Math.max(5, Math.round(length / 50)));
  const gaps = new Float64Array(length);
  const recent: number[] = [];
  for (let i = 0; i < length; i++) {
    const [a, b] = [reference[i]!, other[i]!];
    if (Number.isNaN(a) !== Number.isNaN(b)) {
      gaps[i] = Number.POSITIVE_INFINITY;
      continue;
    }
    if (!Number.isNaN(a)) recent.push(b - a);
    if (recent.length > window) recent.shift();
    gaps[i] = recent.reduce((sum, gap) => sum + gap, 0) / Math.max(1, recent.length);
  }
  return gaps;
}
