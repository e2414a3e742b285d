/** The story's runs, trained on the visitor's GPU. */
import { trainRuns } from '../actions.ts';
import { countEvery } from '../counting.ts';
import { isBusy, type RunState, useRun } from '../runStore.ts';
import { DEFAULT_SETTINGS, runsOf, type Settings } from '../settings.ts';
import { leaveRecording, playRecording } from './recordedStory.ts';
import { STORY_MODES, type StoryPhase, useStory } from './storyStore.ts';

/** Steps of each run, and how often their gradients are counted: together about a minute on a software adapter. */
const STEPS = 200;
const COUNT_EVERY = 10;
const SAMPLES = 4;
const SAMPLE_LENGTH = 60;

/** What the story trains. The settings that the visitor chose are left alone. */
export const LIVE_SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  preset: 'smoke',
  modes: STORY_MODES,
  schedule: 'lockstep',
  steps: STEPS,
  samples: SAMPLES,
  sample: SAMPLE_LENGTH,
};

/** Ends what `runLive` watches. */
let stopWatching: () => void = () => {};

/** Trains the three modes in lockstep from one start. Where it cannot start, `problem` says why. */
export function runLive(): void {
  const { status, unsupported, adapter } = useRun.getState();
  if (unsupported || !adapter) {
    useStory.setState({ problem: 'This browser gives the page no GPU to train on.' });
    return;
  }
  if (isBusy({ status })) {
    useStory.setState({ problem: 'The Lab is training. Stop that run first.' });
    return;
  }
  stopWatching();
  leaveRecording();
  useStory.setState({ source: 'live', phase: 'preparing', problem: null, scale: 0 });
  const stopCounting = countEvery(COUNT_EVERY);
  trainRuns(runsOf(LIVE_SETTINGS), LIVE_SETTINGS);
  const { configs } = useRun.getState();
  const end = () => {
    stopWatching();
    stopCounting();
  };
  stopWatching = useRun.subscribe((state) => {
    if (state.configs !== configs) return end();
    showLive();
    if (isBusy(state)) return;
    end();
    // It was stopped before its first step.
    if (state.status === 'idle') void playRecording();
  });
}

/** Shows the live run, from its first moment to after its end. */
export function showLive(): void {
  const state = useRun.getState();
  const next = { source: 'live', phase: phaseOf(state), problem: problemOf(state) } as const;
  const { source, phase, problem } = useStory.getState();
  if (next.source !== source || next.phase !== phase || next.problem !== problem) useStory.setState(next);
}

/** Whether the runs that are shown are those of the story. */
export function isLive({ startedWith, runs }: Pick<RunState, 'startedWith' | 'runs'>): boolean {
  return startedWith === LIVE_SETTINGS && runs.length > 0;
}

function phaseOf({ status }: RunState): StoryPhase {
  switch (status) {
    case 'preparing':
      return 'preparing';
    case 'training':
    case 'paused':
    case 'stopping':
      return 'training';
    case 'done':
      return 'ended';
    case 'failed':
    case 'lost':
      return 'failed';
    case 'idle':
      return 'loading';
  }
}

/** A mode that failed is a result of the story; an error of the whole training is not. */
function problemOf({ status, error, runs }: RunState): string | null {
  if (status !== 'failed' && status !== 'lost') return null;
  const reported = error ?? runs.find((run) => run.error)?.error;
  return reported ? `${reported.message} ${reported.hint}` : 'The training failed.';
}
