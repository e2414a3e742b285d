import { useHistory } from '../../store/history/history.ts';
import { formatCount } from '../format.ts';
import { Note } from '../ui/Note.tsx';
import styles from './StorageNotice.module.css';

/** Told once there is something to lose, on whatever screen: training goes on meanwhile. */
export function StorageNotice() {
  const problem = useHistory((state) => state.problem);
  const unsaved = useHistory((state) => state.unsaved.size);
  if (!problem) return null;
  return (
    <div className={styles.notice}>
      <Note kind="caution" testId="storage-problem">
        <p>
          {problem.message} {problem.hint}
        </p>
        {unsaved > 0 && (
          <p>
            In this tab only: {formatCount(unsaved)} {unsaved === 1 ? 'run' : 'runs'}, on the{' '}
            <a href="#runs">Runs screen</a>.
          </p>
        )}
      </Note>
    </div>
  );
}
