import { useHistory } from '../../../store/history/historyStore.ts';
import { dismissStorageProblem, usePreferences } from '../../../store/preferences.ts';
import { formatCount } from '../../format.ts';
import { Button } from '../../ui/Button.tsx';
import { Note } from '../../ui/Note.tsx';
import styles from './StorageNotice.module.css';

/**
 * Warns on every screen, once there is something to lose, that the browser does not store runs or choices. Training
 * continues.
 */
export function StorageNotice() {
  return (
    <>
      <UnsavedRuns />
      <UnsavedChoices />
    </>
  );
}

function UnsavedRuns() {
  const problem = useHistory((state) => state.problem);
  const unsaved = useHistory((state) => state.unsaved.size);
  if (!problem) return null;
  return (
    <div className={styles.notice}>
      <Note kind="caution" testId="storage-problem">
        <p>{`${problem.message} ${problem.hint}`}</p>
        {unsaved > 0 && (
          <p>
            <span>{`In this tab only: ${formatCount(unsaved)} ${unsaved === 1 ? 'run' : 'runs'}, on the `}</span>
            <a href="#runs">Runs screen</a>.
          </p>
        )}
      </Note>
    </div>
  );
}

function UnsavedChoices() {
  const problem = usePreferences((state) => state.problem);
  if (!problem) return null;
  return (
    <div className={styles.notice}>
      <Note kind="caution" testId="preferences-problem">
        <p>{`${problem.message} ${problem.hint}`}</p>
        <Button onClick={dismissStorageProblem}>Dismiss</Button>
      </Note>
    </div>
  );
}
