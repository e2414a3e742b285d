import { SCREENS } from '../../store/screens.ts';
import { useUi } from '../../store/uiStore.ts';
import styles from './ScreenTabs.module.css';

const TITLES = { story: 'Story', text: 'My text', train: 'Lab', runs: 'Runs', sweep: 'Sweep' } as const;

/** Tabs are links, so that they can be opened in a new tab and copied, and Back works. */
export function ScreenTabs() {
  const shown = useUi((state) => state.screen);
  return (
    <nav className={styles.tabs} aria-label="Screens">
      {SCREENS.map((screen, index) => (
        <a
          key={screen}
          href={`#${screen}`}
          aria-current={screen === shown ? 'page' : undefined}
          title={`Key ${index + 1}`}
          data-testid={`tab-${screen}`}
        >
          {TITLES[screen]}
        </a>
      ))}
    </nav>
  );
}
