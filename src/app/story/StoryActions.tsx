import { useState } from 'react';
import { openGpu, stop } from '../../store/actions.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import { isLive } from '../../store/story/liveStory.ts';
import { backToStart, runLive } from '../../store/story/story.ts';
import { useStory } from '../../store/story/storyStore.ts';
import { docsPage, SOURCE } from '../siteLinks.ts';
import { Button } from '../ui/Button.tsx';
import styles from './StoryScreen.module.css';

/** The one thing to press, and where to read on. The button stays the same element, so that keyboard focus stays on it. */
export function StoryActions() {
  const source = useStory((state) => state.source);
  const phase = useStory((state) => state.phase);
  const unsupported = useRun((state) => state.unsupported !== null);
  const labTrains = useRun((state) => isBusy(state) && !isLive(state));
  const [opening, setOpening] = useState(false);
  const running = source === 'live' && (phase === 'preparing' || phase === 'training');
  const run = async () => {
    setOpening(true);
    if (await openGpu()) runLive();
    setOpening(false);
  };
  return (
    <>
      <Button
        kind="primary"
        className={styles.run}
        onClick={running ? stop : run}
        disabled={opening || unsupported || labTrains}
        data-testid="story-run"
      >
        {running ? 'Stop' : source === 'live' ? 'Run it again' : 'Run it on your GPU'}
      </Button>
      <Button
        onClick={backToStart}
        disabled={running || labTrains || phase !== 'ended'}
        data-testid="story-replay"
      >
        {source === 'live' ? 'Back to the recording' : 'Play again'}
      </Button>
      <a href={docsPage('index')}>How it works</a>
      {SOURCE && <a href={SOURCE}>Source</a>}
    </>
  );
}
