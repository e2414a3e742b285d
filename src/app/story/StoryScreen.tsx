import styles from './StoryScreen.module.css';

/** The first screen: three copies of one model train side by side, and one of them fails. */
export function StoryScreen() {
  return (
    <article className={styles.story} data-testid="story">
      <h1>Half the bits. Same model, if you scale the loss.</h1>
      <p>
        Three copies of one small language model learn the same text from the same start. They differ only in
        how many bits their numbers have.
      </p>
      <p>
        <a href="#train">Open the Lab</a>
      </p>
    </article>
  );
}
