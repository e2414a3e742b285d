import { discardSavedRun, resumeObstacle, resumeSavedRun } from '../../store/actions.ts';
import { exportRun } from '../../store/fileActions.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import { useSavedRun } from '../../store/savedRun.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { formatAgo, formatCount } from '../format.ts';
import { titleOf } from '../messages.ts';
import { Button } from '../ui/Button.tsx';
import { ErrorNote, Note } from '../ui/Note.tsx';
import styles from './SavedRunNote.module.css';

/** What an earlier visit left unfinished, and why the run of this one is not saved. */
export default function SavedRunNote() {
  const saved = useSavedRun((state) => state.saved);
  const error = useSavedRun((state) => state.error);
  const busy = useRun((state) => isBusy(state.status));
  const obstacle = useSettings((state) => saved && resumeObstacle(saved, state));
  return (
    <>
      {saved && (
        <Note testId="saved-run">
          <p>
            A run was saved here {formatAgo(saved.savedAt)}: {titleOf(saved.config.precision)}, step{' '}
            {formatCount(saved.step)} of {formatCount(saved.config.steps)}, on {saved.text.name}.{' '}
            {busy
              ? 'So that it is not lost, the run that is trained now is not saved.'
              : (obstacle ?? 'It goes on exactly where it was.')}
          </p>
          <div className={styles.buttons}>
            {!busy && (
              <Button onClick={resumeSavedRun} disabled={obstacle !== null} data-testid="resume-saved">
                Resume last run
              </Button>
            )}
            {!busy && (
              <Button onClick={() => exportRun(null, 'run')} data-testid="export-saved">
                Take it as a file
              </Button>
            )}
            <Button onClick={discardSavedRun} data-testid="discard-saved">
              Discard it
            </Button>
          </div>
        </Note>
      )}
      {error && <ErrorNote error={error} about="Not saved" kind="caution" testId="autosave-error" />}
    </>
  );
}
