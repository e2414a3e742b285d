import { useEffect } from 'react';
import { type Screen, screenOf } from '../../store/screens.ts';
import { useUi } from '../../store/uiStore.ts';

/** The screen that the address opens. */
export function useScreen(): Screen {
  useEffect(() => {
    const follow = () => useUi.setState({ screen: screenOf(location) });
    follow();
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return useUi((state) => state.screen);
}

export function showScreen(screen: Screen): void {
  location.hash = screen;
}
