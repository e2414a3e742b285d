/** The recorded runs of the story, whose figures, samples and histograms the components show. */
import { beforeAll } from 'vitest';
import { playRecording } from '../../src/store/story/story.ts';
import { useStory } from '../../src/store/story/storyStore.ts';
import '../../src/app/styles/tokens.css';
import '../../src/app/styles/base.css';

/** Fills the page's stores with the end of the recording, before the tests of a file. */
export function withRecording(): void {
  beforeAll(async () => {
    // The page asks for its files relative to its own address, which is not that of the tests.
    const base = document.createElement('base');
    base.href = '/';
    document.head.append(base);
    await playRecording(true);
    const { phase, problem } = useStory.getState();
    if (phase !== 'ended') throw new Error(`the recording is not shown: ${problem ?? phase}`);
  });
}
