/** How the three runs of the story look. They differ by colour, by width and dash, and by name. */
import type { STORY_MODES } from '../../store/story/storyStore.ts';
import styles from './arms.module.css';

interface Arm {
  readonly mode: (typeof STORY_MODES)[number];
  /** Short enough for the end of a line. */
  readonly name: string;
  /** What is done with its numbers, for those who do not know the name. */
  readonly what: string;
  readonly className: string;
}

export const ARMS: readonly Arm[] = [
  { mode: 'fp32', name: 'FP32', what: '32 bits for each number', className: styles.full! },
  {
    mode: 'fp16',
    name: 'f16, loss scaled',
    what: '16 bits for each number, and the loss scaled',
    className: styles.scaled!,
  },
  {
    mode: 'fp16-noscale',
    name: 'f16, not scaled',
    what: '16 bits for each number, and nothing else',
    className: styles.bare!,
  },
];

/** @param mode one of the three modes of the story */
export function armOf(mode: string): Arm {
  return ARMS.find((arm) => arm.mode === mode) ?? ARMS[0]!;
}
