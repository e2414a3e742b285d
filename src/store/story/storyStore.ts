/** What only the story has. Its runs, frames and samples are in the stores that the Lab uses. */
import { create } from 'zustand';
import type { RecordingFacts } from '../recording.ts';

/** What the story trains side by side: the reference, f16 with loss scaling, and f16 without. */
export const STORY_MODES = ['fp32', 'fp16', 'fp16-noscale'] as const;

export type StoryPhase = 'loading' | 'replaying' | 'ended' | 'preparing' | 'training' | 'failed';

export interface StoryState {
  readonly source: 'recording' | 'live';
  /** `loading` until something is shown. A live run that was stopped has ended. */
  readonly phase: StoryPhase;
  /** Where and when the recorded run was trained; null until it is loaded. */
  readonly recording: RecordingFacts | null;
  /** Why there is no recording, or why the live run failed or cannot start. */
  readonly problem: string | null;
  /** log2 of the loss scale that the handle stands at. */
  readonly scale: number;
}

export const useStory = create<StoryState>()(() => ({
  source: 'recording',
  phase: 'loading',
  recording: null,
  problem: null,
  scale: 0,
}));

export function chooseScale(scale: number): void {
  useStory.setState({ scale });
}
