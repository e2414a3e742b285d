import { useEffect } from 'react';
import type { Screen } from '../../store/screens.ts';
import { followAddress, useUi } from '../../store/uiStore.ts';

/** The screen that the address opens. */
export function useScreen(): Screen {
  useEffect(() => {
    followAddress();
    addEventListener('hashchange', followAddress);
    return () => removeEventListener('hashchange', followAddress);
  }, []);
  return useUi((state) => state.screen);
}

export function showScreen(screen: Screen): void {
  location.hash = screen;
}
