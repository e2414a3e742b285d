/** What blocks that choose their levels by noise measure and decide, in f64. The oracle of shaders/noise_decide.wgsl. */

/** Noise of a block relative to the energy of its operands, at its own level and at the level below. */
export interface MeasuredNoise {
  readonly own: number;
  readonly below: number;
}

export interface NoiseRule {
  readonly stages: number;
  readonly threshold: number;
  /** The noise at the level below under which a block goes there. */
  readonly lower: number;
}

/** Energy of the errors of `rounded` over that of the finite `values`; null where all are zero. */
export function relativeNoise(values: ArrayLike<number>, rounded: ArrayLike<number>): number | null {
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    if (!Number.isFinite(x)) continue;
    signal += x * x;
    noise += (rounded[i]! - x) ** 2;
  }
  return signal > 0 ? noise / signal : null;
}

/** The stage of a block after a decision, from 0. @param measured null where no operand was measured */
export function nextStageOfBlock(stage: number, measured: MeasuredNoise | null, rule: NoiseRule): number {
  if (!measured) return stage;
  if (measured.own > rule.threshold) return Math.min(stage + 1, rule.stages - 1);
  return stage > 0 && measured.below < rule.lower ? stage - 1 : stage;
}
