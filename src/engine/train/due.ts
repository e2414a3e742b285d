/** What a run does between two steps that is not training, and whether a run that goes on has still to do it. */
import type { TrainConfig } from '../config/trainConfig.ts';

/** In the order in which they are done after a step. */
const DUES = ['evaluation', 'sharpness', 'rest'] as const;

export type Due = (typeof DUES)[number];

/** The newest step after which each was told: what is due after a step is told before the next is taken. */
export type Told = Readonly<Partial<Record<Due, number>>>;

/** Before the start, which may be evaluated as step 0. */
export const NEVER = -1;

/** @param rests steps after which the run rests for something else, such as a sample */
export function dueAfter(
  step: number,
  { evalEvery, sharpnessEvery }: Pick<TrainConfig, 'evalEvery' | 'sharpnessEvery'>,
  rests: ReadonlySet<number> = new Set(),
  told: Told = {},
): Due[] {
  const falls = (every: number) => step > 0 && every > 0 && step % every === 0;
  const isDue = { evaluation: falls(evalEvery), sharpness: falls(sharpnessEvery), rest: rests.has(step) };
  return DUES.filter((due) => isDue[due] && step > (told[due] ?? NEVER));
}
