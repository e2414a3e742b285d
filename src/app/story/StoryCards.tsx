import type { StoryCard } from '../../store/story/figures.ts';
import { formatCount, formatLoss, formatPowerOfTwo, formatTokensPerSecond } from '../format.ts';
import { ARMS, armOf } from './arms.ts';
import { formatLost } from './messages.ts';
import styles from './StoryCards.module.css';

const NOT_YET = '–';

/** What is shown before there are runs: the same places, without figures. */
const EMPTY = ARMS.map(
  ({ mode }): StoryCard => ({
    ...{ mode, step: null, loss: null, valLoss: null, tokensPerSec: null, batch: 0 },
    ...{ lossScale: null, skipped: 0, lostShare: null, sentence: null, failed: null },
  }),
);

/** The three runs side by side. Every figure has its place from the start, so that nothing moves while they change. */
export function StoryCards({ cards }: { cards: readonly StoryCard[] }) {
  return (
    <div className={styles.cards} data-testid="story-cards">
      {(cards.length > 0 ? cards : EMPTY).map((card) => (
        <Card key={card.mode} card={card} />
      ))}
    </div>
  );
}

function Card({ card }: { card: StoryCard }) {
  const { name, what, className } = armOf(card.mode);
  const { loss, tokensPerSec, batch, lossScale, skipped, lostShare, sentence } = card;
  const rows: readonly (readonly [id: string, label: string, value: string])[] = [
    ['tokens', 'Tokens/s', tokensPerSec === null ? NOT_YET : formatTokensPerSecond(tokensPerSec)],
    ['batch', 'Batch size', batch === 0 ? NOT_YET : formatCount(batch)],
    ['scale', 'Loss scale', lossScale === null ? 'none' : formatPowerOfTwo(Math.log2(lossScale))],
    ['skipped', 'Skipped steps', formatCount(skipped)],
  ];
  return (
    <article className={`${styles.card} ${className}`} data-testid={`card-${card.mode}`}>
      <header>
        <h3>{name}</h3>
        <p>{what}</p>
      </header>
      <dl className={styles.large}>
        <div>
          <dt>Loss</dt>
          <dd translate="no" data-testid={`card-loss-${card.mode}`}>
            {loss === null ? NOT_YET : formatLoss(loss)}
          </dd>
        </div>
        <div>
          <dt>Gradients lost</dt>
          <dd translate="no" data-testid={`card-lost-${card.mode}`}>
            {lostShare === null ? NOT_YET : formatLost(lostShare)}
          </dd>
        </div>
      </dl>
      <div className={styles.meter} aria-hidden="true">
        <span style={{ transform: `scaleX(${lostShare ?? 0})` }} />
      </div>
      <dl className={styles.rows}>
        {rows.map(([id, label, value]) => (
          <div key={id}>
            <dt>{label}</dt>
            <dd translate="no" data-testid={`card-${id}-${card.mode}`}>
              {value}
            </dd>
          </div>
        ))}
      </dl>
      <figure className={styles.writes}>
        <figcaption>Its text now</figcaption>
        <p translate="no" data-testid={`card-sentence-${card.mode}`}>
          {sentence ?? ''}
        </p>
      </figure>
    </article>
  );
}
