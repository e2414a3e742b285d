import { useRun } from '../../store/runStore.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { causalVerdict, type StoryArms, shareCard } from '../../store/story/figures.ts';
import { LIVE_SETTINGS } from '../../store/story/liveStory.ts';
import { useStory } from '../../store/story/storyStore.ts';
import { showScreen } from '../hooks/useScreen.ts';
import { ShareActions } from '../picture/ShareActions.tsx';
import { Button } from '../ui/Button.tsx';
import { armOf } from './arms.ts';
import { nats, originLine, shortAdapter } from './messages.ts';
import styles from './StoryEnd.module.css';
import { useArms } from './useArms.ts';

/** The end of the story: what happened and why, what each model writes, and where to go from here. */
export function StoryEnd() {
  const arms = useArms();
  const live = useStory((state) => state.source === 'live');
  const verdict = causalVerdict(arms);
  return (
    <section className={styles.end} aria-labelledby="story-end" data-testid="story-end">
      <h2 id="story-end">What happened</h2>
      <p className={styles.verdict} role="status" data-testid="story-verdict" data-kind={verdict?.kind}>
        {verdict?.text ?? 'This sentence is written from the figures when the three runs have ended.'}
      </p>
      <p className={styles.unit}>
        {nats([arms.reference, arms.unscaled].map((arm) => arm?.run.summary?.valLoss))}
      </p>
      <Texts arms={arms} />
      <Share arms={arms} ready={verdict !== null} />
      <div className={styles.next}>
        <Button onClick={trainOwnText} data-testid="story-own-text">
          Train it on my text
        </Button>
        <Button onClick={() => openLab(live)} data-testid="story-lab">
          {live ? 'Open the Lab with this run' : 'Open the Lab with these settings'}
        </Button>
      </div>
    </section>
  );
}

function Texts({ arms }: { arms: StoryArms }) {
  const shown = [arms.reference, arms.scaled, arms.unscaled].flatMap((arm) => arm ?? []);
  return (
    <div className={styles.texts} data-testid="story-texts">
      {shown.map(({ run }) => {
        const { name, className } = armOf(run.mode);
        const sample = run.samples.at(-1);
        return (
          <figure key={run.mode} className={className}>
            <figcaption>{`${name} writes`}</figcaption>
            <p translate="no">{sample?.text ?? ''}</p>
          </figure>
        );
      })}
    </div>
  );
}

function Share({ arms, ready }: { arms: StoryArms; ready: boolean }) {
  const story = useStory();
  const adapter = useRun((state) => shortAdapter(state.adapter?.name ?? 'this device'));
  return (
    <ShareActions
      card={() => shareCard(arms, originLine(story, adapter), location.href)}
      draw={async (card) => (await import('./shareImage.ts')).shareImage(card)}
      name="halfstep-half-the-bits.png"
      ready={ready}
      testId="story"
    />
  );
}

function trainOwnText(): void {
  showScreen('text');
}

/** A live run is in the Lab already; for the recording, the Lab gets what would train it here. */
function openLab(live: boolean): void {
  const { preset, modes, schedule } = LIVE_SETTINGS;
  if (!live) useSettings.getState().choose({ preset, modes, schedule });
  showScreen('train');
}
