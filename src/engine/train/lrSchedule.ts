/** The learning-rate schedule by applied steps: linear warm-up, then a decay to the minimum. */
import type { TrainConfig } from '../config/trainConfig.ts';

export type ScheduleConfig = Pick<
  TrainConfig,
  'steps' | 'learningRate' | 'minLearningRate' | 'lrSchedule' | 'warmup' | 'beta1' | 'beta2'
>;

/** Share of the way from the smallest rate up to the highest. */
type Share = (
  /** From 0 after the warm-up to 1 at the end. */
  progress: number,
  /** Steps until the end, of as many after the warm-up and in all. */
  left: number,
  falling: number,
  steps: number,
) => number;

const SHARES: Readonly<Record<TrainConfig['lrSchedule'], Share>> = {
  /** @see nanoGPT train.py get_lr, with lr_decay_iters = steps; PyTorch's CosineAnnealingLR */
  cosine: (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)),
  /** @see PyTorch's LinearLR */
  linear: (progress) => 1 - progress,
  constant: () => 1,
  /**
   * Warmup-stable-decay: falls in the last fifth of all steps, or in what a longer warm-up leaves of it.
   * @see Hägele et al., arXiv 2405.18392, whose decay of 20 % of the steps along 1 - sqrt this is
   */
  wsd: (progress, left, falling, steps) => {
    const decay = Math.min(falling, Math.ceil(steps / 5));
    if (progress === 1) return 0;
    return left > decay ? 1 : 1 - Math.sqrt((decay - left) / decay);
  },
};

/** Rate of applied step `it` (from 0), in f64. After the last step it stays where the schedule ends. */
export function learningRateAt(config: ScheduleConfig, it: number): number {
  const { steps, learningRate, minLearningRate, lrSchedule, warmup } = config;
  if (it < warmup) return (learningRate * (it + 1)) / (warmup + 1);
  const left = Math.max(0, steps - it);
  const falling = steps - warmup;
  const progress = left === 0 ? 1 : (it - warmup) / falling;
  const share = SHARES[lrSchedule](progress, left, falling, steps);
  return minLearningRate + share * (learningRate - minLearningRate);
}

/** Numbers per row of the table, which is one vec4f. */
const SCHEDULE_ROW = 4;

/**
 * The factors of AdamW for each applied step, rounded from f64. The GPU selects the row by its own counter of applied
 * steps, because the CPU learns too late whether a step was skipped.
 * @returns max(steps, 1) rows of (lr, 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t), 0) with t = row + 1
 */
export function scheduleTable(config: ScheduleConfig): Float32Array {
  const rows = Math.max(config.steps, 1);
  const table = new Float32Array(rows * SCHEDULE_ROW);
  for (let it = 0; it < rows; it++) {
    table[it * SCHEDULE_ROW] = learningRateAt(config, it);
    table[it * SCHEDULE_ROW + 1] = 1 / (1 - config.beta1 ** (it + 1));
    table[it * SCHEDULE_ROW + 2] = 1 / Math.sqrt(1 - config.beta2 ** (it + 1));
  }
  return table;
}
