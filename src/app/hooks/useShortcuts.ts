import { useEffect } from 'react';
import { useUi } from '../../store/uiStore.ts';
import { SHORTCUTS } from '../shortcuts.ts';

/** Shortcuts are ignored in fields, where keys type, on buttons, which Space presses, and while a dialog is open. */
const INTERACTIVE =
  'input, select, textarea, button, a, summary, dialog, [contenteditable], [role="application"]';

/** Listens for the shortcuts, unless they are turned off. */
export function useShortcuts(): void {
  const on = useUi((state) => state.shortcuts);
  useEffect(() => {
    if (!on) return;
    const press = (event: KeyboardEvent) => {
      const { screen } = useUi.getState();
      const shortcut = SHORTCUTS.find(
        ({ key, on }) => key === event.key.toLowerCase() && (on === undefined || on === screen),
      );
      if (!shortcut || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest(INTERACTIVE)) return;
      event.preventDefault();
      shortcut.run();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [on]);
}
