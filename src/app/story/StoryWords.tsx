import styles from './StoryWords.module.css';
import { WORDS } from './words.ts';

/** What the words in the cards mean, right under them: nobody has to hover or to search. */
export function StoryWords() {
  return (
    <dl className={styles.words} data-testid="story-words">
      {WORDS.map(({ term, means }) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{means}</dd>
        </div>
      ))}
    </dl>
  );
}
