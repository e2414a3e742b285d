import { overallProgress, useRun } from '../../store/runStore.ts';
import { partingStep, type StoryArms, storyCards } from '../../store/story/figures.ts';
import { useStory } from '../../store/story/storyStore.ts';
import { Note } from '../ui/Note.tsx';
import { LossTable } from './LossTable.tsx';
import { chartSummary, narration, originLine, progressLine, shortAdapter } from './messages.ts';
import { partName } from './partNames.ts';
import styles from './StoryBoard.module.css';
import { StoryCards } from './StoryCards.tsx';
import { StoryChart } from './StoryChart.tsx';
import { useArms } from './useArms.ts';

/** What moves while the runs train: the chart, what it shows in a sentence, and the three cards. */
export function StoryBoard() {
  const arms = useArms();
  const problem = useStory((state) => state.problem);
  const cards = storyCards(arms);
  const parting = partingMark(arms);
  return (
    <>
      <section className={styles.panel} aria-labelledby="story-chart">
        <Caption step={Math.max(0, ...cards.map(({ step }) => step ?? 0))} />
        <StoryChart parting={parting} summary={chartSummary(cards, parting?.step ?? null)} />
        <p className={styles.narration} data-testid="story-narration">
          {narration(cards)}
        </p>
        <LossTable />
      </section>
      {problem && (
        <Note kind="caution" testId="story-problem">
          <p>{problem}</p>
        </Note>
      )}
      <StoryCards cards={cards} />
    </>
  );
}

/** What the chart is of, where its figures come from and how far the runs are, with a bar. */
function Caption({ step }: { step: number }) {
  const story = useStory();
  const compiling = useRun((state) => state.compiling);
  const adapter = useRun((state) => shortAdapter(state.adapter?.name ?? 'your GPU'));
  const steps = useRun((state) => state.configs[0]?.steps ?? 0);
  const progress = useRun(overallProgress);
  const share =
    story.phase === 'preparing' ? (compiling ? compiling.compiled / compiling.total : 0) : progress;
  return (
    <header className={styles.caption}>
      <h2 id="story-chart">Loss: how wrong the model still is</h2>
      <p className={styles.step} data-testid="story-progress">
        {progressLine(story, compiling, step, steps)}
      </p>
      <p
        className={`${styles.source} ${story.source === 'live' ? styles.live : ''}`}
        data-testid="story-source"
      >
        {originLine(story, adapter)}
      </p>
      <progress className={styles.bar} value={share} max={1} aria-label="Progress of the three runs" />
    </header>
  );
}

function partingMark(arms: StoryArms): { readonly step: number; readonly sentence: string } | null {
  const parting = partingStep(arms);
  if (!parting) return null;
  const where = parting.tensor === null ? '' : `: most gradients lost in ${partName(parting.tensor)}`;
  return { step: parting.step, sentence: `step ${parting.step}, the runs part${where}` };
}
