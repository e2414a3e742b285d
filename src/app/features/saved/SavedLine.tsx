import { useSavedRun } from '../../../store/savedRun.ts';
import { formatCount, formatMiB } from '../../format.ts';
import styles from './SavedLine.module.css';

/** Shows the step up to which the current run is saved. */
export function SavedLine() {
  const newest = useSavedRun((state) => state.newest);
  if (!newest) return null;
  const { step, storage, pauses } = newest;
  return (
    <p className={styles.line} data-testid="autosaved">
      {`Saved in this browser at step ${formatCount(step)}${storage ? `; ${formatMiB(storage.usage)} of ${formatMiB(storage.quota)} used` : ''}.${pauses ? ' The GPU has no memory for a copy of the run, so each save pauses the training.' : ''}`}
    </p>
  );
}
