/** The training losses of a run, step by step. */
export interface LossCurve {
  /** Step numbers from the run's first step on, without gaps. */
  readonly steps: ArrayLike<number>;
  /** Losses in nats; NaN when not finite. */
  readonly losses: ArrayLike<number>;
  /** Steps that the run is to take, by which its loss is smoothed while it trains as at its end; by default those it has. */
  readonly planned?: number;
}

/** A larger gap between smoothed losses that stays is a divergence. */
export const DIVERGENCE_NATS = 0.02;
/** A gap must last for this many steps to count as a divergence. */
const MIN_GAP_STEPS = 5;

/**
 * Finds the first step after which the gap between two runs' smoothed losses stays above `bound` nats; null when there is
 * none. Both runs see the same batches, so the noise of the batches cancels. A step at which only one of
 * the losses is finite counts as a gap.
 */
export function firstDivergence(
  reference: LossCurve,
  other: LossCurve,
  bound = DIVERGENCE_NATS,
): number | null {
  const length = Math.min(reference.steps.length, other.steps.length);
  const gaps = smoothedGaps(reference, other, length);
  let first = length;
  while (first > 0 && Math.abs(gaps[first - 1]!) > bound) first -= 1;
  return length - first >= MIN_GAP_STEPS ? other.steps[first]! : null;
}

/** The largest gap in nats between two runs' smoothed losses; infinite when only one loss of a step is finite. */
export function largestGap(reference: LossCurve, other: LossCurve): number {
  const length = Math.min(reference.steps.length, other.steps.length);
  return smoothedGaps(reference, other, length).reduce((largest, gap) => Math.max(largest, Math.abs(gap)), 0);
}

/** Mean gap over a window of 2 % of the run, from 5 to 50 steps; infinite when only one loss is finite. */
function smoothedGaps(reference: LossCurve, other: LossCurve, length: number): Float64Array {
  const window = Math.min(50, Math.max(5, Math.round((other.planned ?? length) / 50)));
  const gaps = new Float64Array(length);
  const recent: number[] = [];
  for (let i = 0; i < length; i++) {
    const [a, b] = [reference.losses[i]!, other.losses[i]!];
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
