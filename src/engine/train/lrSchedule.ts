/** The learning-rate schedule by applied steps: linear warm-up, then cosine decay to the minimum. */
import type { TrainConfig } from '../config/trainConfig.ts';

export type ScheduleConfig = Pick<
  TrainConfig,
  'steps' | 'learningRate' | 'minLearningRate' | 'warmup' | 'beta1' | 'beta2'
>;

/**
 * Learning rate of applied step `it` (from 0), in f64.
 * @see nanoGPT train.py get_lr, with lr_decay_iters = steps
 */
export function learningRateAt(config: ScheduleConfig, it: number): number {
  const { steps, learningRate, minLearningRate, warmup } = config;
  if (it < warmup) return (learningRate * (it + 1)) / (warmup + 1);
  if (it >= steps) return minLearningRate;
  const progress = (it - warmup) / (steps - warmup);
  const share = 0.5 * (1 + Math.cos(Math.PI * progress));
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
