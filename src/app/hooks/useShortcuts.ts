import { useEffect } from 'react';
import { pause, resume, stop, train } from '../../store/actions.ts';
import { useRun } from '../../store/runStore.ts';
import { SCREENS, useUi } from '../../store/uiStore.ts';
import { showScreen } from './useScreen.ts';

const KEYS: Readonly<Record<string, () => void>> = {
  ' ': trainOrPause,
  s: stop,
};

/** Work on every screen; the others only where the training they act on is seen. */
const SCREEN_KEYS: Readonly<Record<string, () => void>> = Object.fromEntries(
  SCREENS.map((screen, index) => [String(index + 1), () => showScreen(screen)]),
);

/** Space trains, pauses and goes on; S stops; digits choose the screen. Not in fields, where keys write, nor on buttons, which Space presses. */
export function useShortcuts(): void {
  const on = useUi((state) => state.shortcuts);
  useEffect(() => {
    if (!on) return;
    const press = (event: KeyboardEvent) => {
      const key = event.key.toLowerCase();
      const action = SCREEN_KEYS[key] ?? (useUi.getState().screen === 'train' ? KEYS[key] : undefined);
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
