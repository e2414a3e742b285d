import styles from './DropHint.module.css';

/** Over the whole page while a file is held above it: what would become of the file. */
export function DropHint({ text }: { text: string }) {
  return (
    <div className={styles.hint} aria-hidden="true" data-testid="drop-hint">
      <p>{text}</p>
    </div>
  );
}
