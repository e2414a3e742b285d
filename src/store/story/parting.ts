/** Where f16 without loss scaling parts from FP32. */
import { DIVERGENCE_NATS, firstDivergence, largestGap } from '../../engine/index.ts';
import { curveOf, type StoryArm, type StoryArms } from './arms.ts';

export interface Parting {
  readonly step: number;
  /** The gradient of which most was flushed to zero there; null when nothing was counted or flushed. */
  readonly tensor: string | null;
}

/**
 * The first step from which the smoothed loss of f16 without scaling stays further from FP32's than 0.02 nats, which is a
 * divergence in every comparison, and than f16 with scaling ever is, which differs by rounding alone. Null while there
 * is none. All three see the same batches.
 */
export function partingStep({ reference, scaled, unscaled }: StoryArms): Parting | null {
  if (!reference || !scaled || !unscaled) return null;
  const base = curveOf(reference);
  const bound = Math.max(DIVERGENCE_NATS, largestGap(base, curveOf(scaled)));
  const step = firstDivergence(base, curveOf(unscaled), bound);
  return step === null ? null : { step, tensor: mostFlushedAt(unscaled, step) };
}

/** At the counted step that is nearest. */
function mostFlushedAt({ underflow }: StoryArm, step: number): string | null {
  if (!underflow || underflow.length === 0) return null;
  const distance = (index: number) => Math.abs(underflow.step(index) - step);
  let index = 0;
  while (index + 1 < underflow.length && distance(index + 1) <= distance(index)) index += 1;
  return underflow.worst(index);
}
