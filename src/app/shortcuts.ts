/** Every key that does something, in one table: the listener, the help and the switch's text all read it. */
import { pause, resume, stop, train } from '../store/actions.ts';
import { useRun } from '../store/runStore.ts';
import { type Screen, useUi } from '../store/uiStore.ts';
import { showScreen } from './hooks/useScreen.ts';

export interface Shortcut {
  /** `KeyboardEvent.key` in lower case. */
  readonly key: string;
  /** What is printed on the key. */
  readonly label: string;
  readonly does: string;
  /** The only screen it works on: where the training that it acts on is seen. */
  readonly on?: Screen;
  readonly run: () => void;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { key: ' ', label: 'Space', does: 'trains, pauses and resumes', on: 'train', run: trainOrPause },
  { key: 's', label: 'S', does: 'stops after this step', on: 'train', run: stop },
  { key: '1', label: '1', does: 'shows the training', run: () => showScreen('train') },
  { key: '2', label: '2', does: 'shows the runs', run: () => showScreen('runs') },
  { key: '3', label: '3', does: 'shows the sweeps', run: () => showScreen('sweep') },
  { key: '?', label: '?', does: 'shows these keys', run: () => useUi.setState({ help: true }) },
];

function trainOrPause(): void {
  const { status } = useRun.getState();
  if (status === 'training') pause();
  else if (status === 'paused') resume();
  else train();
}
