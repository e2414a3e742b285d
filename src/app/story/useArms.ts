import { useNumerics } from '../../store/numericsStore.ts';
import { useRun } from '../../store/runStore.ts';
import { type StoryArms, storyArms } from '../../store/story/figures.ts';

/** The three runs as of the newest redraw. Their logs grow without changing identity, so they are read at each. */
export function useArms(): StoryArms {
  useRun((state) => state.frame);
  useRun((state) => state.runs);
  useRun((state) => state.writing);
  useNumerics((state) => state.frames);
  return storyArms();
}
