/** The replay of the recorded runs on the story's screen. */
import { isBusy, useRun } from '../runStore.ts';
import { useUi } from '../uiStore.ts';
import { setAside, showAgain } from './aside.ts';
import type { LoadedRecording, Replay } from './replay.ts';
import { useStory } from './storyStore.ts';

const REPLAY_MS = 8000;
/** Milliseconds between two redraws; nobody sees more, and a chart costs some of them. */
const REDRAW_MS = 50;
/** A page that was hidden goes on where it was. */
const LONGEST_PAUSE_MS = 500;

let loaded: Promise<LoadedRecording> | null = null;
let played = false;
/** Ends the replay that is waited for, loading or playing. */
let stopPlaying: () => void = () => {};

/** Whether the recording was played to its end in this visit. */
export function wasPlayed(): boolean {
  return played;
}

/**
 * Replays the recording in about eight seconds, or shows its end at once where motion is not wanted. Real runs are set
 * aside meanwhile and stay untouched; a training that starts ends the replay. While a run is training, it waits.
 * @param atOnce shows the end at once
 * @returns resolves when the end is shown, or when it was stopped or could not be loaded
 */
export async function playRecording(atOnce = false): Promise<void> {
  stopPlaying();
  let stopped = false;
  let leave: () => void = () => {};
  stopPlaying = () => {
    stopped = true;
    leave();
  };
  const problem = isOccupied() ? 'The Lab is training. The recorded run is shown when it has ended.' : null;
  useStory.setState({ source: 'recording', phase: 'loading', problem, scale: 0 });
  await new Promise<void>((resolve) => {
    leave = resolve;
    if (!isOccupied()) {
      resolve();
      return;
    }
    const forget = useRun.subscribe(() => {
      if (isOccupied() && !stopped) return;
      forget();
      resolve();
    });
  });
  let recording: LoadedRecording;
  try {
    loaded ??= load();
    recording = await loaded;
  } catch (cause) {
    loaded = null;
    if (!stopped) useStory.setState({ phase: 'failed', problem: whyNot(cause) });
    return;
  }
  if (stopped || isOccupied()) return;
  useStory.setState({ phase: 'replaying', recording: recording.facts, problem: null });
  setAside();
  const replay = recording.replay();
  await play(replay, atOnce, () => stopped);
  if (stopped) return;
  played = replay.isShown;
  useStory.setState({ phase: played ? 'ended' : 'loading' });
}

/** What reads a recording is not in the first script: it is needed when the recording has come. */
async function load(): Promise<LoadedRecording> {
  const { loadReplay } = await import('./replay.ts');
  return loadReplay();
}

/** Ends the replay and shows again what was shown before it. */
export function leaveRecording(): void {
  stopPlaying();
  showAgain();
}

/** Whether the shown runs, or a sample of them, are in progress, so that they cannot be set aside. */
function isOccupied(): boolean {
  const { status, sampling } = useRun.getState();
  return isBusy({ status }) || sampling;
}

function play(replay: Replay, atOnce: boolean, isStopped: () => boolean): Promise<void> {
  if (atOnce || isStill()) {
    replay.advance(1);
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    let [elapsed, last, drawn] = [0, performance.now(), Number.NEGATIVE_INFINITY];
    const tick = (now: number): void => {
      if (isStopped() || !replay.isShown) {
        resolve();
        return;
      }
      elapsed += Math.min(LONGEST_PAUSE_MS, Math.max(0, now - last));
      last = now;
      const share = isStill() ? 1 : elapsed / REPLAY_MS;
      if (share >= 1 || elapsed - drawn >= REDRAW_MS) {
        drawn = elapsed;
        replay.advance(share);
      }
      if (share >= 1) resolve();
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
}

function isStill(): boolean {
  return useUi.getState().still || matchMedia('(prefers-reduced-motion: reduce)').matches;
}

function whyNot(cause: unknown): string {
  const reason = cause instanceof Error ? cause.message.slice(0, 200) : 'unknown';
  return `The recorded run did not load: ${reason}. Everything else on this page works without it.`;
}
