/** All keyboard shortcuts in one table, which the listener, the help and the switch read. */
import { pause, resume, stop, train } from '../store/actions.ts';
import { useRun } from '../store/runStore.ts';
import type { Screen } from '../store/screens.ts';
import { showShortcuts } from '../store/uiStore.ts';
import { showScreen } from './hooks/useScreen.ts';

export interface Shortcut {
  /** `KeyboardEvent.key` in lower case. */
  readonly key: string;
  /** The label of the key. */
  readonly label: string;
  readonly does: string;
  /** The only screen on which it works: the one that shows the training. */
  readonly on?: Screen;
  readonly run: () => void;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { key: ' ', label: 'Space', does: 'start, pause and resume training', on: 'train', run: trainOrPause },
  { key: 's', label: 'S', does: 'stop after this step', on: 'train', run: stop },
  { key: '1', label: '1', does: 'show the story', run: () => showScreen('story') },
  { key: '2', label: '2', does: 'train on your text', run: () => showScreen('text') },
  { key: '3', label: '3', does: 'show the Lab', run: () => showScreen('train') },
  { key: '4', label: '4', does: 'show the runs', run: () => showScreen('runs') },
  { key: '5', label: '5', does: 'show the sweeps', run: () => showScreen('sweep') },
  { key: '?', label: '?', does: 'show these shortcuts', run: () => showShortcuts(true) },
];

function trainOrPause(): void {
  const { status } = useRun.getState();
  if (status === 'training') pause();
  else if (status === 'paused') resume();
  else train();
}
