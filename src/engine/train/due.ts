/** Decides what a run must do between two steps apart from training, and what a resumed run has already done. */
import type { TrainConfig } from '../config/trainConfig.ts';

/** In the order in which they are done after a step. */
const DUES = ['evaluation', 'sharpness', 'pause'] as const;

export type Due = (typeof DUES)[number];

/** The last step after which each was reported. Everything due after a step is reported before the next step. */
export type Reported = Readonly<Partial<Record<Due, number>>>;

/** Stands for no step at all. Step 0 is the start, which may be evaluated. */
export const NEVER = -1;

/** @param pauseAfter steps after which training pauses for other work, such as a sample */
export function dueAfter(
  step: number,
  { evalEvery, sharpnessEvery }: Pick<TrainConfig, 'evalEvery' | 'sharpnessEvery'>,
  pauseAfter: ReadonlySet<number> = new Set(),
  reported: Reported = {},
): Due[] {
  const at = (every: number) => step > 0 && every > 0 && step % every === 0;
  const isDue = { evaluation: at(evalEvery), sharpness: at(sharpnessEvery), pause: pauseAfter.has(step) };
  return DUES.filter((due) => isDue[due] && step > (reported[due] ?? NEVER));
}
