import { useEffect } from 'react';
import { openGpu } from '../../store/actions.ts';
import { adapterOffer } from '../../store/diagnostics.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import { enterStory, leaveStory } from '../../store/story/story.ts';
import { useFileDrop } from '../hooks/useFileDrop.ts';
import { showScreen } from '../hooks/useScreen.ts';
import { DropHint } from '../ui/DropHint.tsx';
import { lazyPart } from '../ui/lazyPart.tsx';
import { StoryActions } from './StoryActions.tsx';
import { StoryBoard } from './StoryBoard.tsx';
import { StoryHero } from './StoryHero.tsx';
import styles from './StoryScreen.module.css';
import { StoryWords } from './StoryWords.tsx';

// Below the first screen.
const StoryDetails = lazyPart(
  'rest of the story',
  () => import('./StoryDetails.tsx'),
  <div className={styles.waiting} />,
);
// Needed only where the page cannot train.
const NoGpuNote = lazyPart(
  'reason why training is not possible here',
  () => import('./NoGpuNote.tsx'),
  <div className={styles.note} />,
);

/** The first screen: three copies of one model train side by side, and one of them fails. */
export default function StoryScreen() {
  const unsupported = useRun((state) => state.unsupported);
  const fileOver = useFileDrop(takeToLab, filesAreTaken);
  useEffect(() => {
    enterStory();
    return leaveStory;
  }, []);
  useEffect(() => {
    // Asking for an adapter starts no work on it. Where there is none, the worker finds out why.
    void adapterOffer().then((offer) => {
      if (!offer) void openGpu();
    });
  }, []);
  return (
    <article className={styles.story} data-testid="story">
      <StoryHero>
        <StoryActions />
      </StoryHero>
      {unsupported && <NoGpuNote {...unsupported} />}
      <StoryBoard />
      <StoryWords />
      <StoryDetails />
      {fileOver && <DropHint text="Drop a text to train on it in the Lab. It stays on this device." />}
    </article>
  );
}

async function takeToLab(file: File, all: readonly File[]): Promise<void> {
  void openGpu(); // the worker reads the file
  showScreen('train');
  const { takeDropped } = await import('../features/files/takeDropped.ts');
  await takeDropped(file, all);
}

function filesAreTaken(): boolean {
  const { status, unsupported } = useRun.getState();
  return unsupported === null && !isBusy({ status });
}
