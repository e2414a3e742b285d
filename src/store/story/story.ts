/** What the story's screen calls. */
import { isBusy, useRun } from '../runStore.ts';
import { isLive, runLive, showLive } from './liveStory.ts';
import { leaveRecording, playRecording, wasPlayed } from './recordedStory.ts';

export { playRecording, runLive };

/**
 * Called when the screen is shown: shows the story's live run if there is one, and replays the recording otherwise; once
 * it was played, its end.
 */
export function enterStory(): void {
  if (isLive(useRun.getState())) showLive();
  else void playRecording(wasPlayed());
}

/** Called when another screen is shown. Ends the replay and shows again what was trained before; a live run goes on. */
export const leaveStory = leaveRecording;

/** Replays the recording again, after a live run or a handle that was moved. Does nothing while a run is training. */
export function backToStart(): void {
  if (!isBusy(useRun.getState())) void playRecording();
}
