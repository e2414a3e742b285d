import { useEffect } from 'react';
import { SCREENS, type Screen, useUi } from '../../store/uiStore.ts';

/** The screen named in the address; Train if it names none. */
export function useScreen(): Screen {
  useEffect(() => {
    const follow = () => {
      const name = location.hash.slice(1);
      useUi.setState({ screen: SCREENS.find((screen) => screen === name) ?? 'train' });
    };
    follow();
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return useUi((state) => state.screen);
}

export function showScreen(screen: Screen): void {
  location.hash = screen;
}
