import { Activity, useState } from 'react';
import { useRun } from '../store/runStore.ts';
import { useUi } from '../store/uiStore.ts';
import { Announcer } from './Announcer.tsx';
import styles from './App.module.css';
import { StorageNotice } from './features/runs/StorageNotice.tsx';
import { useDocument } from './hooks/useDocument.ts';
import { useScreen } from './hooks/useScreen.ts';
import { useShortcuts } from './hooks/useShortcuts.ts';
import { MoreLinks } from './MoreLinks.tsx';
import { StoryWaiting } from './story/StoryHero.tsx';
import { lazyPart } from './ui/lazyPart.tsx';
import { ScreenTabs } from './ui/ScreenTabs.tsx';
import { ShortcutsSwitch } from './ui/ShortcutsSwitch.tsx';
import { ThemeSwitch } from './ui/ThemeSwitch.tsx';

const UnsupportedScreen = lazyPart(
  'reason why training is not possible here',
  () => import('./screens/UnsupportedScreen.tsx'),
);
const StoryScreen = lazyPart('story', () => import('./story/StoryScreen.tsx'), <StoryWaiting />);
const TrainScreen = lazyPart(
  'Lab',
  () => import('./screens/TrainScreen.tsx'),
  <p className={styles.waiting}>Loading the Lab…</p>,
);
const MyTextScreen = lazyPart(
  'screen for your text',
  () => import('./myText/MyTextScreen.tsx'),
  <p className={styles.waiting}>Loading…</p>,
);
const RunsScreen = lazyPart(
  'list of runs',
  () => import('./features/runs/RunsScreen.tsx'),
  <p className={styles.waiting}>Loading the runs…</p>,
);
const SweepScreen = lazyPart(
  'list of sweeps',
  () => import('./features/sweep/SweepScreen.tsx'),
  <p className={styles.waiting}>Loading the sweeps…</p>,
);
const TableScreen = lazyPart(
  "article's table",
  () => import('./features/table/TableScreen.tsx'),
  <p className={styles.waiting}>Loading the table…</p>,
);
const ShortcutsDialog = lazyPart('list of shortcuts', () => import('./ui/ShortcutsDialog.tsx'));

export function App() {
  const unsupported = useRun((state) => state.unsupported);
  const screen = useScreen();
  const help = useUi((state) => state.help);
  const [opened, setOpened] = useState(false);
  if (screen === 'train' && !opened) setOpened(true);
  useShortcuts();
  return (
    <div className={styles.app}>
      <header className={styles.top}>
        <span className={styles.brand}>
          <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
            <rect width="32" height="32" rx="7" fill="var(--accent)" />
            <path d="M6 24h7v-8h7V8h6" className={styles.steps} />
          </svg>
          Halfstep
        </span>
        <ScreenTabs />
        <ThemeSwitch />
      </header>
      <main>
        <StorageNotice />
        {help && <ShortcutsDialog />}
        {screen === 'story' && <StoryScreen />}
        {screen === 'text' && (unsupported ? <UnsupportedScreen {...unsupported} /> : <MyTextScreen />)}
        {/* Hidden, not unmounted: typed text and open sections stay, and nothing is redrawn meanwhile. */}
        {opened && (
          <Activity mode={screen === 'train' ? 'visible' : 'hidden'}>
            {unsupported ? <UnsupportedScreen {...unsupported} /> : <TrainScreen />}
          </Activity>
        )}
        {screen === 'runs' && <RunsScreen />}
        {screen === 'sweep' && <SweepScreen />}
        {screen === 'table' && <TableScreen />}
      </main>
      <footer className={`${styles.bottom} ${screen === 'train' ? styles.aboveControls : ''}`}>
        <p>Everything runs on this device. Nothing you type, drop or train leaves it.</p>
        <MoreLinks />
        <ShortcutsSwitch />
      </footer>
      <Announcer />
      <DocumentState />
    </div>
  );
}

/** A leaf, because it renders at every new figure in the title, and the rest of the page must not. */
function DocumentState() {
  useDocument();
  return null;
}
