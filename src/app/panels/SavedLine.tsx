import { useSavedRun } from '../../store/savedRun.ts';
import { formatCount, formatMiB } from '../format.ts';
import styles from './SavedLine.module.css';

/** Where the run that is trained can be gone on from. */
export function SavedLine() {
  const newest = useSavedRun((state) => state.newest);
  if (!newest) return null;
  const { step, storage, pauses } = newest;
  return (
    <p className={styles.line} data-testid="autosaved">
      {`Saved in this browser at step ${formatCount(step)}${storage ? `; ${formatMiB(storage.usage)} of ${formatMiB(storage.quota)} used` : ''}.${pauses ? ' The GPU has no room for a copy of the run: each save pauses the training.' : ''}`}
    </p>
  );
}
