import type { ReactNode } from 'react';
import styles from './StoryScreen.module.css';

/** The headline and the sentence below it. They are in the first script, so that they are there while the rest loads. */
export function StoryHero({ children }: { children?: ReactNode }) {
  return (
    <header className={styles.hero}>
      <h1>
        <span>Half the bits.</span> <span>Same model,</span> <span>if you scale the loss.</span>
      </h1>
      <div className={styles.aside}>
        <p className={styles.lead}>
          Three copies of one small language model learn the same text from the same start. One keeps 32 bits
          for each number, two keep 16. One of those two falls behind, because its smallest numbers become 0.
        </p>
        <div className={styles.actions}>{children}</div>
      </div>
    </header>
  );
}

/** Shown until the story has loaded. */
export function StoryWaiting() {
  return (
    <div className={styles.story}>
      <StoryHero />
      <div className={styles.waiting} />
    </div>
  );
}
