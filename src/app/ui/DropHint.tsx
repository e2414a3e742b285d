import styles from './DropHint.module.css';

/** Covers the page while a file is dragged over it and says what dropping it would do. */
export function DropHint({ text }: { text: string }) {
  return (
    <div className={styles.hint} aria-hidden="true" data-testid="drop-hint">
      <p>{text}</p>
    </div>
  );
}
