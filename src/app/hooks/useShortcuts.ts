import { useEffect } from 'react';
import { pause, resume, stop, train } from '../../store/actions.ts';
import { useRun } from '../../store/runStore.ts';
import { useUi } from '../../store/uiStore.ts';

const KEYS: Readonly<Record<string, () => void>> = {
  ' ': trainOrPause,
  s: stop,
};

/** Space trains, pauses and goes on; S stops. Not in fields, where keys write, nor on buttons, which Space presses. */
export function useShortcuts(): void {
  const on = useUi((state) => state.shortcuts);
  useEffect(() => {
    if (!on) return;
    const press = (event: KeyboardEvent) => {
      const action = KEYS[event.key.toLowerCase()];
      if (!action || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest(INTERACTIVE)) return;
      event.preventDefault();
      action();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [on]);
}

const INTERACTIVE = 'input, select, textarea, button, a, summary, [contenteditable], [role="application"]';

function trainOrPause(): void {
  const { status } = useRun.getState();
  if (status === 'training') pause();
  else if (status === 'paused') resume();
  else train();
}
