/** Every key that does something, in one table: the listener, the help and the switch's text all read it. */
import { pause, resume, stop, train } from '../store/actions.ts';
import { useRun } from '../store/runStore.ts';
import { useUi } from '../store/uiStore.ts';

export interface Shortcut {
  /** `KeyboardEvent.key` in lower case. */
  readonly key: string;
  /** What is printed on the key. */
  readonly label: string;
  readonly does: string;
  readonly run: () => void;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { key: ' ', label: 'Space', does: 'trains, pauses and goes on', run: trainOrPause },
  { key: 's', label: 'S', does: 'stops after this step', run: stop },
  { key: '?', label: '?', does: 'shows these keys', run: () => useUi.setState({ help: true }) },
];

function trainOrPause(): void {
  const { status } = useRun.getState();
  if (status === 'training') pause();
  else if (status === 'paused') resume();
  else train();
}
